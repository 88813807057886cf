// The data of one episode, unpacked. Tables of numbers are `[step, column]` in row-major order.

import { largest } from "./numbers.js";
import { unpack } from "./packing.js";

// `level` is "variables", where a choice and an image are one feature each, or "elements".
export function unpackEpisode(episode, level) {
  const { outcome: { steps }, features, actions, rewards: packedRewards, deviations } = episode;
  const observed = unpack(features.values);
  const rewards = unpack(packedRewards);
  const taken = unpack(actions.taken);
  const scores = unpack(actions.scores);
  const allowed = unpack(actions.allowed);
  const takenWidth = steps ? taken.length / steps : 0;
  const scoresWidth = steps ? scores.length / steps : 0;
  const hasLogits = actions.discrete && actions.score === "logit";
  const hasProbabilities = actions.discrete && actions.score === "probability";
  const singleChoice = actions.discrete && takenWidth === 1;
  const table = featureTable(features, observed, level);
  const scales = [];
  const scaleOf = (f) => (scales[f] ??= largest(Array.from({ length: steps }, (_, step) => table.valueAt(step, f))));

  return {
    ...table,
    level,
    steps,
    scaleOf,
    images: imagesOf(features),
    deviations: unpack(deviations),
    rewards,
    returnSoFar: runningSum(rewards, steps),
    stateValues: judged(episode.values, steps),
    advantages: judged(episode.advantages, steps),
    taken,
    takenWidth,
    scores,
    scoresWidth,
    actionNames: actions.names,
    discrete: actions.discrete,
    singleChoice,
    scoreName: actions.score,
    allowed,
    probabilities: hasLogits ? softmax(scores, scoresWidth, allowed) : hasProbabilities ? scores : null,
    margins: judged(episode.margins, steps),
  };
}

// Each image, with the numbers of its cells if it is a grid.
function imagesOf({ images }) {
  const cellsOf = (cells) => cells && { values: unpack(cells), depth: cells.shape[3] };
  return images.map((entry) => ({ ...entry, cells: cellsOf(entry.cells) }));
}

// The features at a level: their names, kinds and values, and the rows of the page's data that each is the sum of.
function featureTable({ names, units, kinds, variables }, observed, level) {
  const withValue = kinds.filter((kind) => kind !== "region").length;
  let next = 0; // the column of each row in `observed`; a region has no value of its own
  const columns = kinds.map((kind) => (kind === "region" ? -1 : next++));
  const single = (row) => ({ name: names[row], unit: units[row], kind: kinds[row], rows: [row] });
  const features = level === "elements"
    ? names.map((_, row) => single(row))
    : variables.map((each) => (each.rows.length > 1 ? { unit: "", ...each } : single(each.rows[0])));
  const valueAt = (step, f) => {
    const { kind, rows } = features[f];
    const start = step * withValue;
    if (rows.length === 1) return columns[rows[0]] < 0 ? NaN : observed[start + columns[rows[0]]];
    if (kind !== "choice") return NaN; // an image or a group has no value of its own
    const chosen = rows.findIndex((row) => observed[start + columns[row]] === 1);
    return chosen < 0 ? NaN : chosen;
  };
  return {
    names: features.map(({ name }) => name),
    units: features.map(({ unit }) => unit),
    kinds: features.map(({ kind, options }) => (options?.length ? "options" : kind)),
    options: features.map(({ options }) => options ?? []),
    members: features.map(({ rows }) => rows),
    count: features.length,
    rows: names.length,
    rowNames: names,
    hasLevels: variables.length < names.length,
    noun: nounFor(features.map(({ kind }) => kind)),
    valueAt,
  };
}

function nounFor(kinds) {
  if (!kinds.includes("region")) return "features";
  return kinds.every((kind) => kind === "region") ? "regions" : "features and regions";
}

// Sums over the rows of each feature: `[step, row]` -> `[step, feature]`.
export function summedRows(values, { rows, members, count }) {
  if (rows === count) return values;
  const steps = values.length / rows;
  const sums = new Float32Array(steps * count);
  for (let step = 0; step < steps; step++) {
    members.forEach((own, f) => {
      let sum = 0;
      for (const row of own) sum += values[step * rows + row];
      sums[step * count + f] = sum;
    });
  }
  return sums;
}

// What holds for a step and not between steps: choices, and flags, which are 0 or 1.
export function holdsForStep({ kinds, steps, valueAt }, f) {
  if (kinds[f] === "choice" || kinds[f] === "options") return true;
  for (let step = 0; step < steps; step++) if (![0, 1].includes(valueAt(step, f))) return false;
  return steps > 0;
}

// What the policy or its rewards say about each step: the numbers with their unit, or null where there are none.
function judged(entry, steps) {
  return entry ? { ...entry, numbers: unpack(entry.numbers).subarray(0, steps) } : null;
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
