// Numbers as text, with a true minus sign, and as many digits as their scale deserves.

function minus(text) {
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
}

function exponential(x) {
  return minus(x.toExponential(1).replace("e+", "e").replace("e-", "e\u2212"));
}

// `digits` after the first one at the size of `scale`, so that numbers that change while playing keep their width.
function fixed(x, scale, digits = 2) {
  if (x === null || !Number.isFinite(x)) return "–";
  if (scale !== 0 && (scale >= 1e6 || scale < 1e-3)) return x === 0 ? "0" : exponential(x);
  const decimals = scale > 0 ? Math.max(0, Math.min(6, digits - Math.floor(Math.log10(scale)))) : 0;
  return minus(x.toFixed(decimals));
}

function signed(x, scale) {
  const text = fixed(x, scale);
  return x > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

// At most four digits, none of them idle.
function brief(x) {
  if (x === null || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return exponential(x);
  return minus(String(Number(size < 1000 ? x.toPrecision(4) : x.toFixed(1))));
}

function largest(values) {
  let found = 0;
  for (const value of values) if (Math.abs(value) > found) found = Math.abs(value);
  return found;
}

// The absolute value that `share` of the finite ones do not exceed.
function quantile(values, share) {
  const sizes = Float32Array.from(values, Math.abs).filter(Number.isFinite).sort();
  return sizes.length ? sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] : 0;
}
