// The colors of the style sheet in the form that a canvas needs.

import { element } from "./document.js";

export const LEVELS = 127; // levels of each sign
export const SERIES = countActions();
const NEUTRAL = 0.72; // how much of the ink the largest value without a sign has
const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
let ramps = makeRamps();

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function countActions() {
  let count = 0;
  while (css(`--action-${count}`)) count += 1;
  return count;
}

// The color of an action, the same as in the plots.
export function seriesColor(k) {
  return ramps.series[k % SERIES];
}

export function swatch(k) {
  const mark = element("span", "swatch");
  mark.style.background = `var(--action-${k % SERIES})`; // follows the theme
  return mark;
}

// A color of the style sheet, which may be a color of the system, as [red, green, blue].
function rgb(name) {
  brush.fillStyle = css(name);
  brush.fillRect(0, 0, 1, 1);
  return [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function mixed(start, end, share) {
  return start.map((value, channel) => Math.round(value + (end[channel] - value) * share));
}

function makeRamps() {
  const zero = rgb("--plate");
  const [lowers, raises, ink] = [rgb("--lowers"), rgb("--raises"), rgb("--ink")];
  const signed = [];
  const plain = [];
  for (let level = -LEVELS; level <= LEVELS; level++) {
    const share = Math.abs(level) / LEVELS;
    signed.push(mixed(zero, level < 0 ? lowers : raises, share));
    plain.push(mixed(zero, ink, NEUTRAL * share));
  }
  return { signed, plain, series: Array.from({ length: SERIES }, (_, k) => css(`--action-${k}`)) };
}

// Reads the colors of the style sheet again, after a change of the theme.
export function refreshColors() {
  ramps = makeRamps();
}

// The color of a level from -LEVELS to LEVELS, as [red, green, blue]; `plain` is for values without a sign.
export function levelColor(level, plain = false) {
  return (plain ? ramps.plain : ramps.signed)[level + LEVELS];
}

// The color of an attribution; sizes of `scale` and beyond have the fullest color. `value` is a number.
export function attributionColor(value, scale, plain = false) {
  const share = scale > 0 ? Math.max(-1, Math.min(1, value / scale)) : 0;
  return levelColor(Math.round(share * LEVELS), plain);
}

// Lines across whatever is not explained, so that nobody takes it for zero.
export function missingPattern(context) {
  const tile = document.createElement("canvas");
  [tile.width, tile.height] = [6, 6];
  const lines = tile.getContext("2d");
  lines.fillStyle = css("--paper");
  lines.fillRect(0, 0, 6, 6);
  lines.strokeStyle = css("--muted");
  lines.beginPath();
  for (const x of [-6, 0, 6]) {
    lines.moveTo(x - 1, 7);
    lines.lineTo(x + 7, -1);
  }
  lines.stroke();
  return context.createPattern(tile, "repeat");
}
