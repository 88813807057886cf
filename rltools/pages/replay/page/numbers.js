// Numbers as text, with a true minus sign and as many digits as their scale deserves, and the statistics behind scales.

function minus(text) {
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
}

function exponential(x) {
  return minus(x.toExponential(1).replace("e+", "e").replace("e-", "e\u2212"));
}

// With `digits` digits after the leading digit of `scale`, so that numbers keep their width while they change.
export function fixed(x, scale, digits = 2) {
  if (x === null || !Number.isFinite(x)) return "–";
  if (scale !== 0 && (scale >= 1e6 || scale < 1e-3)) return x === 0 ? "0" : exponential(x);
  const decimals = scale > 0 ? Math.max(0, Math.min(6, digits - Math.floor(Math.log10(scale)))) : 0;
  return minus(x.toFixed(decimals));
}

export function signed(x, scale) {
  const text = fixed(x, scale);
  return x > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

// A share from 0 to 1.
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  return `${minus((100 * share).toFixed(0))} %`;
}

// The digits after the point that tell the two nearest of some different numbers apart, as a scale for `fixed`.
export function nearestGap(values) {
  const sorted = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
  let gap = Infinity;
  for (let k = 1; k < sorted.length; k++) {
    const difference = sorted[k] - sorted[k - 1];
    if (difference > 0 && difference < gap) gap = difference;
  }
  return gap;
}

// Four digits at most, without trailing zeros.
export function brief(x) {
  if (x === null || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return exponential(x);
  return minus(String(Number(size < 1000 ? x.toPrecision(4) : x.toFixed(1))));
}

// The largest absolute value; 0 if no value is a number.
export function largest(values) {
  let size = 0;
  for (const value of values) if (Math.abs(value) > size) size = Math.abs(value);
  return size;
}

// The absolute value that a `share` of the finite values do not exceed.
export function quantile(values, share) {
  const sizes = Float32Array.from(values, Math.abs).filter(Number.isFinite).sort();
  return sizes.length ? sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] : 0;
}

// A column of a table of numbers `[row, width]`, with null where a number is missing, as uPlot expects it.
export function column(values, width, position) {
  const numbers = new Array(values.length / width);
  for (let row = 0; row < numbers.length; row++) {
    const value = values[row * width + position];
    numbers[row] = Number.isFinite(value) ? value : null;
  }
  return numbers;
}
