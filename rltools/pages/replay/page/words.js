// What the page says in words about actions, features and their attributions.

import { brief, fixed, signed } from "./numbers.js";

export function actionName({ actionNames }, k) {
  return actionNames[k] ?? `action ${k}`;
}

export function actionText(data, step) {
  const { taken, takenWidth } = data;
  if (data.singleChoice) return actionName(data, taken[step]);
  return Array.from(taken.subarray(step * takenWidth, (step + 1) * takenWidth), brief).join(", ");
}

export function featureLabel({ names, units }, f) {
  return units[f] ? `${names[f]} (${units[f]})` : names[f];
}

// The observed value of a feature; empty for a region, which has none of its own.
export function valueText({ kinds, valueAt, scaleOf }, step, f) {
  if (kinds[f] === "region") return "";
  const value = valueAt(step, f);
  return kinds[f] === "choice" && Number.isInteger(value) ? String(value) : fixed(value, scaleOf(f), 3);
}

export function valueLines(data, step, f) {
  return data.kinds[f] === "region" ? [] : [["value", `${valueText(data, step, f)} ${data.units[f] ?? ""}`.trim()]];
}

export function attributionText({ count }, view, step, f) {
  const value = view.values[step * count + f];
  return Number.isFinite(value) ? `${signed(value, view.robust)} ${view.unit}` : "not explained";
}

export function parametersText({ parameters }) {
  return Object.entries(parameters).map(([name, value]) => `${name} ${value}`).join(", ") || "defaults";
}
