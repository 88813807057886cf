// What the page says in words about actions, features and their attributions.

import { brief, fixed, percent, signed } from "./numbers.js";

export function actionName({ actionNames }, k) {
  return actionNames[k] ?? `action ${k}`;
}

export function actionText(data, step) {
  const { taken, takenWidth } = data;
  if (data.singleChoice) return actionName(data, taken[step]);
  return Array.from(taken.subarray(step * takenWidth, (step + 1) * takenWidth), brief).join(", ");
}

// A unit that begins with a number is a multiple of one, by which values are divided.
function isMultiple(unit) {
  return /^\d/.test(unit);
}

// A unit beside a name.
export function unitText(unit) {
  if (!unit) return "";
  return isMultiple(unit) ? `/ (${unit})` : `(${unit})`;
}

export function featureLabel({ names, units }, f) {
  return `${names[f]} ${unitText(units[f])}`.trim();
}

function hasValue({ kinds }, f) {
  return !["region", "image", "group"].includes(kinds[f]);
}

// The observed value of a feature; empty for a region or an image, which have none of their own.
export function valueText(data, step, f) {
  if (!hasValue(data, f)) return "";
  const value = data.valueAt(step, f);
  if (data.kinds[f] === "options") return data.options[f][value] ?? "–";
  return data.kinds[f] === "choice" && Number.isInteger(value) ? String(value) : fixed(value, data.scaleOf(f), 3);
}

function valueWithUnit(text, unit) {
  return isMultiple(unit) ? `${text} × ${unit}` : `${text} ${unit}`.trim();
}

export function valueLines(data, step, f) {
  return hasValue(data, f) ? [["value", valueWithUnit(valueText(data, step, f), data.units[f] ?? "")]] : [];
}

// An attribution in the digits of its view.
export function sizeText({ share, robust }, value) {
  if (!Number.isFinite(value)) return "";
  return share ? percent(value) : signed(value, robust);
}

export function attributionText({ count }, view, step, f) {
  const source = view.held[step];
  if (source < 0) return "not explained";
  const value = view.values[source * count + f];
  if (!Number.isFinite(value)) return "not explained";
  return `${sizeText(view, value)}${view.share ? "" : ` ${view.unit}`}${source === step ? "" : ` (step ${source})`}`;
}

// How a method was used: what it compares with, and the parameters that it was given.
export function parametersText({ parameters }) {
  const { reference, ...others } = parameters;
  const compared = reference === undefined ? [] : [`compared with ${reference}`];
  return [...compared, ...Object.entries(others).map(([name, value]) => `${name} ${value}`)].join(", ");
}
