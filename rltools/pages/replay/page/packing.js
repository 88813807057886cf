// Unpacks the arrays of numbers that the page carries as base64.

function decode(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
  return bytes;
}

// Float32Array of an array in row-major order; NaN where a quantized number is missing.
export function unpack(packed) {
  if (packed === null) return null;
  const { buffer } = decode(packed.data);
  if (packed.kind === "f4") return new Float32Array(buffer);
  const integers = packed.kind === "i2" ? new Int16Array(buffer) : new Int8Array(buffer);
  const missing = packed.kind === "i2" ? -32768 : -128;
  return Float32Array.from(integers, (value) => (value === missing ? NaN : value * packed.scale));
}
