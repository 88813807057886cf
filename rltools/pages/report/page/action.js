// What the policy did at a step, in words: the action and how far it was ahead of the second best.

import { brief } from "../../replay/page/numbers.js";

const COLORS = 8; // actions that have a color of their own

export function actionOf({ actions, discrete, score }, episode, k) {
  const taken = episode.taken(k);
  if (!discrete || taken.length !== 1) {
    const texts = taken.map((value, position) => {
      const name = actions[position];
      return name && taken.length > 1 ? `${name} ${brief(value)}` : brief(value);
    });
    return { name: texts.join(", "), margin: taken.length === 1 && actions[0] ? actions[0] : "", color: null };
  }
  const [position] = taken;
  return {
    name: actions[position] ?? `action ${position}`,
    margin: marginText(episode.scored(k), position, actions, score),
    color: position % COLORS,
  };
}

function marginText(scores, taken, actions, score) {
  if (scores.length < 2) return "";
  const others = scores.map((_, position) => position).filter((k) => k !== taken && Number.isFinite(scores[k]));
  if (!others.length || !Number.isFinite(scores[taken])) return "";
  const second = others.reduce((best, k) => (scores[k] > scores[best] ? k : best));
  const margin = scores[taken] - scores[second];
  const unit = { logit: "logits", q_value: "Q" }[score] ?? score;
  const where = margin < 0 ? "below" : "ahead of";
  return `${brief(Number(Math.abs(margin).toPrecision(2)))} ${unit} ${where} ${actions[second] ?? `action ${second}`}`;
}
