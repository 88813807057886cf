// The caption of the bars: the explained scalar, its value at a step, and what that value is made of.

import { brief, fixed } from "./numbers.js";
import { termName } from "./terms.js";
import { actionText } from "./words.js";

export function captionText({ data }, view, step) {
  const source = view.held[step];
  if (source < 0) return `${sentenceCase(view.title)} is not explained near this step.`;
  return view.share ? decisionText(data, view, source) : `${scoreText(data, view, source)}${compositionText(view, source)}`;
}

// A share says how often a replaced value changes the decision, or how far it moves the action.
function decisionText(data, view, step) {
  const { references } = view.attribution;
  const replaced = references ? `in how many of ${references} replacements` : "how often";
  if (data.singleChoice) return `The action is ${actionText(data, step)}. Bars: ${replaced} of a feature another action follows.`;
  const drawn = references ? `one of ${references} visited states` : "another visited state";
  return `Bars: how far the action moves when a feature has its value of ${drawn}, as a share of the action's range.`;
}

function scoreText(data, view, step) {
  const action = view.moving && data.singleChoice ? `, ${actionText(data, step)},` : "";
  const value = view.explained[step];
  return `${sentenceCase(view.title)}${action}${Number.isFinite(value) ? ` is ${brief(value)}` : ""}`;
}

function compositionText(view, step) {
  const value = view.explained[step];
  if (!Number.isFinite(value)) return "";
  const residual = view.residual ? view.residual[step] : NaN;
  const scale = Math.max(Math.abs(value), view.robust);
  const rest = Math.abs(residual) > 0.0005 * scale ? ` ${sentenceCase(termName("residual"))}: ${brief(residual)}.` : "";
  if (view.start === null || !Number.isFinite(view.start[step])) return `, in units of ${view.unit}.${rest}`;
  const text = (part) => fixed(part, Math.max(scale, Math.abs(part)), 3);
  const [mean, added] = [text(view.start[step]), text(view.sum[step])];
  return `: it starts from ${mean}, the mean score of the ${termName("references")}, and the bars add ${added}.${rest}`;
}

function sentenceCase(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Which step the bars are of, where that is not the step that is shown.
export function sourceText(view, step) {
  const source = view.held[step];
  if (source < 0) return "not explained";
  return view.sampled ? `explained at step ${source}` : "";
}
