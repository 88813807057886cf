// The colors of the style sheet in the form that a canvas needs.

import { element } from "./document.js";

export const LEVELS = 127; // levels of each sign
export const SERIES = actionColors();
let ramp = makeRamp();

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The colors of actions, the same as in the plots.
function actionColors() {
  const colors = [];
  for (let color; (color = css(`--action-${colors.length}`)); ) colors.push(color);
  return colors;
}

export function seriesColor(k) {
  return SERIES[k % SERIES.length];
}

export function swatch(color) {
  const mark = element("span", "swatch");
  mark.style.background = color;
  return mark;
}

function rgb(name) {
  const hex = css(name).slice(1);
  return [0, 2, 4].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

// 255 colors from negative to positive with zero in the middle, followed by the color of "not explained".
function makeRamp() {
  const zero = rgb("--zero");
  const [negative, positive] = [rgb("--negative"), rgb("--positive")];
  const colors = [];
  for (let level = -LEVELS; level <= LEVELS; level++) {
    const end = level < 0 ? negative : positive;
    const share = Math.abs(level) / LEVELS;
    colors.push(zero.map((start, channel) => Math.round(start + (end[channel] - start) * share)));
  }
  return [...colors, rgb("--gap")];
}

// Reads the colors of the style sheet again, after a change of the theme.
export function refreshColors() {
  ramp = makeRamp();
}

// The color of a level from -LEVELS to LEVELS, as [red, green, blue].
export function levelColor(level) {
  return ramp[level + LEVELS];
}

// The color of an attribution; sizes of `scale` and beyond have the fullest color.
export function attributionColor(value, scale) {
  if (!Number.isFinite(value)) return ramp[2 * LEVELS + 1];
  const share = scale > 0 ? Math.max(-1, Math.min(1, value / scale)) : 0;
  return levelColor(Math.round(share * LEVELS));
}
