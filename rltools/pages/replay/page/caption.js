// The caption of the bars: the explained scalar, its value at a step, and what that value is made of.

import { brief, fixed } from "./numbers.js";
import { termName } from "./terms.js";

export function captionText({ data }, view, step) {
  const value = view.explained[step];
  const composition = Number.isFinite(value) ? compositionText(view, step, value) : "";
  return `${view.attribution.method} of ${view.label}; unit: ${view.unit}.${composition}${regionText(data)}`;
}

function compositionText(view, step, value) {
  const residual = view.residual ? view.residual[step] : NaN;
  const rest = Number.isFinite(residual) ? ` ${sentenceCase(termName("residual"))}: ${brief(residual)}.` : "";
  const start = ` ${view.label} is ${brief(value)} at step ${step}`;
  if (view.start === null || !Number.isFinite(view.start[step])) return `${start}.${rest}`;
  const text = (part) => fixed(part, Math.max(Math.abs(value), Math.abs(part), view.robust), 3);
  const [mean, added] = [text(view.start[step]), text(view.sum[step])];
  return `${start}: it starts from ${mean}, the mean score of the ${termName("references")}, and the bars add ${added}.${rest}`;
}

function sentenceCase(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function regionText({ images, noun }) {
  if (!images.length) return "";
  const steps = images.some(({ stacked }) => stacked) ? " and moments" : "";
  const [row, area] = noun === "regions" ? ["Each row", "a region"] : ["The row of a region", "it"];
  return ` ${row} is the sum over ${area}, all channels${steps} together.`;
}
