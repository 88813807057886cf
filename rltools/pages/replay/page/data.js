// The data of one episode, unpacked. Tables of numbers are `[step, column]` in row-major order.

import { largest } from "./numbers.js";
import { unpack } from "./packing.js";

export function unpackEpisode({ outcome, features, actions, rewards: packedRewards, deviations }) {
  const { steps } = outcome;
  const { names, units, kinds, images } = features;
  const observed = unpack(features.values);
  const rewards = unpack(packedRewards);
  const taken = unpack(actions.taken);
  const scores = unpack(actions.scores);
  const takenWidth = steps ? taken.length / steps : 0;
  const scoresWidth = steps ? scores.length / steps : 0;
  const hasLogits = actions.discrete && actions.score === "logit";
  const withValue = kinds.filter((kind) => kind !== "region").length;

  // The column of each feature in `observed`. A region has none: it has no value of its own.
  let next = 0;
  const columns = kinds.map((kind) => (kind === "region" ? -1 : next++));
  const valueAt = (step, f) => (columns[f] < 0 ? NaN : observed[step * withValue + columns[f]]);

  const scales = [];
  const scaleOf = (f) => (scales[f] ??= largest(Array.from({ length: steps }, (_, step) => valueAt(step, f))));

  return {
    steps,
    names,
    units,
    kinds,
    images,
    count: names.length,
    noun: nounFor(kinds),
    observed,
    observedWidth: withValue,
    columns,
    valueAt,
    scaleOf,
    deviations: unpack(deviations),
    rewards,
    returnSoFar: runningSum(rewards, steps),
    taken,
    takenWidth,
    scores,
    scoresWidth,
    actionNames: actions.names,
    discrete: actions.discrete,
    singleChoice: actions.discrete && takenWidth === 1,
    scoreName: actions.score,
    probabilities: hasLogits ? softmax(scores, scoresWidth, unpack(actions.allowed)) : null,
  };
}

function nounFor(kinds) {
  if (!kinds.includes("region")) return "features";
  return kinds.every((kind) => kind === "region") ? "regions" : "features and regions";
}

function runningSum(values, steps) {
  const sums = new Float64Array(steps);
  for (let step = 0, sum = 0; step < steps; step++) sums[step] = sum += values[step];
  return sums;
}

// `allowed` is 1 for each action that the environment allowed, or null if it always allowed all of them.
function softmax(logits, width, allowed) {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += width) {
    const row = logits.slice(start, start + width);
    if (allowed) row.forEach((_, k) => { if (!allowed[start + k]) row[k] = -Infinity; });
    const top = Math.max(...row);
    const sizes = Array.from(row, (logit) => Math.exp(logit - top));
    const sum = sizes.reduce((a, b) => a + b, 0);
    sizes.forEach((size, k) => { probabilities[start + k] = size / sum; });
  }
  return probabilities;
}
