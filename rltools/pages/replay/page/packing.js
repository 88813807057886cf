// Arrays of numbers as they travel inside the page, unpacked.

function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) found[at] = raw.charCodeAt(at);
  return found;
}

function unpack(entry) {
  if (entry === null) return null;
  const buffer = bytes(entry.data).buffer;
  if (entry.kind === "f4") return new Float32Array(buffer);
  const whole = entry.kind === "i2" ? new Int16Array(buffer) : new Int8Array(buffer);
  const nothing = entry.kind === "i2" ? -32768 : -128;
  return Float32Array.from(whole, (value) => (value === nothing ? NaN : value * entry.scale));
}
