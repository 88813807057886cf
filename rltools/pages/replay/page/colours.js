// Colours live in the style sheet; here they become what a canvas needs.

const SERIES = []; // of actions, as in the plots
while (css(`--action-${SERIES.length}`)) SERIES.push(css(`--action-${SERIES.length}`));
const LEVELS = 127;
let ramp = makeRamp();

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rgb(name) {
  const hex = css(name).slice(1);
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function seriesColour(k) {
  return SERIES[k % SERIES.length];
}

// 255 colours, negative to positive with zero in the middle, and behind them the one for "not explained".
function makeRamp() {
  const zero = rgb("--zero");
  const ends = [rgb("--negative"), rgb("--positive")];
  const found = [];
  for (let level = -LEVELS; level <= LEVELS; level++) {
    const end = ends[level < 0 ? 0 : 1];
    const share = Math.abs(level) / LEVELS;
    found.push(zero.map((from, c) => Math.round(from + (end[c] - from) * share)));
  }
  return [...found, rgb("--gap")];
}

function colourOf(value, scale) {
  if (!Number.isFinite(value)) return ramp[2 * LEVELS + 1];
  const share = scale > 0 ? Math.max(-1, Math.min(1, value / scale)) : 0;
  return ramp[Math.round(share * LEVELS) + LEVELS];
}
