// Views: each is one explained scalar by one method. Values are `[step, feature]`, maps over an image `[step, y, x]`.

import { summedRows } from "./data.js";
import { largest, quantile } from "./numbers.js";
import { unpack } from "./packing.js";
import { termName } from "./terms.js";

export function makeViews(attributions, data) {
  return attributions.flatMap((attribution) => {
    const targets = attribution.labels.length;
    const ofTarget = (values, k, width) => slice(values, targets, k, width);
    const forms = [attribution.plain, attribution.scaled]
      .map((form) => form && { values: unpack(form.values), maps: form.maps.map(unpack) });
    const explained = unpack(attribution.scores);
    const residual = unpack(attribution.residual);
    return attribution.labels.map((label, k) => withStart({
      attribution,
      label,
      title: attribution.names[k],
      moving: attribution.moving[k], // the explained action changes from step to step
      share: attribution.unit === "share", // from 0 to 1 and without a sign
      name: viewName(attribution, k),
      forms: forms.map((form) => form && {
        values: ofTarget(form.values, k, data.rows),
        maps: form.maps.map((map) => ofTarget(map, k, map.length / (data.steps * targets))),
      }),
      mapShapes: attribution.plain.maps.map((map) => map.shape.slice(2)),
      explained: ofTarget(explained, k, 1),
      residual: residual === null ? null : ofTarget(residual, k, 1),
    }, data));
  });
}

// The numbers of target `k` in an array `[step, target, width]`.
function slice(values, targets, k, width) {
  if (targets === 1) return values;
  const steps = values.length / (targets * width);
  const numbers = new Float32Array(steps * width);
  for (let step = 0; step < steps; step++) {
    const start = (step * targets + k) * width;
    numbers.set(values.subarray(start, start + width), step * width);
  }
  return numbers;
}

// The bars of a method that compares with references start from the mean score of the references: the score less the
// bars and the residual.
function withStart(view, { steps, rows }) {
  const compares = view.residual !== null && "reference" in view.attribution.parameters;
  if (!compares) return { ...view, start: null, sum: null };
  const { values } = view.forms[0];
  const sumAt = (_, step) => values.subarray(step * rows, (step + 1) * rows).reduce((a, b) => a + b, 0);
  const sum = Float64Array.from({ length: steps }, sumAt);
  return { ...view, sum, start: sum.map((total, step) => view.explained[step] - total - view.residual[step]) };
}

function viewName({ title, names, unit, distinction }, k) {
  const apart = distinction ? ` (${distinction})` : "";
  return unit === "share" && names.length === 1 ? `${title}${apart}` : `${title} of ${names[k]}${apart}`;
}

// The view with the numbers that are drawn, and the scales that hold over the whole episode.
export function drawView(view, data, standardized) {
  const perUnit = view.attribution.unit === "score per unit";
  const scaled = perUnit && standardized && canBeScaled(view, data);
  const { values: rows, maps } = scaled ? scaledForm(view, data) : view.forms[0];
  const values = summedRows(rows, data);
  const scale = view.share ? 1 : largest(values);
  const every = view.attribution.every;
  const held = holdExplained(values, data.count, data.steps, every);
  return {
    ...view,
    values,
    maps,
    held,
    sampled: every > 1,
    gaps: held.some((step) => step < 0),
    mapScales: maps.map((map) => quantile(map, 0.99) || 1),
    unit: unitText(view, data, perUnit, scaled),
    scale,
    // Without zeros: most choices of a long list have no attribution at any step.
    robust: view.share ? 1 : quantile(values.filter((value) => value !== 0), 0.99) || scale,
    perUnit,
  };
}

// For each step the nearest explained step, less than a stride away; -1 where there is none.
function holdExplained(values, count, steps, every) {
  const held = new Int32Array(steps).fill(-1);
  const explained = (step) => {
    for (let f = 0; f < count; f++) if (Number.isFinite(values[step * count + f])) return true;
    return false;
  };
  let last = -1;
  for (let step = 0; step < steps; step++) {
    if (explained(step)) last = step;
    if (last >= 0 && step - last < every) held[step] = last;
  }
  let next = -1;
  for (let step = steps - 1; step >= 0; step--) {
    if (held[step] === step) next = step;
    if (next < 0 || next - step >= every) continue;
    if (held[step] < 0 || next - step < step - held[step]) held[step] = next;
  }
  return held;
}

function unitText({ attribution, share }, { images }, perUnit, scaled) {
  if (scaled) return termName("per_std");
  if (share) return "share";
  return perUnit ? `score per unit of the ${images.length ? "observation" : "feature"}` : attribution.unit;
}

// Values of single features are scaled here; values of regions are sums over scaled values, which the page carries.
function scaledForm({ forms: [plain, scaled] }, { deviations, rows }) {
  return scaled ?? { values: plain.values.map((value, k) => value * deviations[k % rows]), maps: [] };
}

export function canBeScaled(view, { deviations }) {
  return deviations !== null || view.forms[1] !== null;
}

// The sum of the absolute values of each feature over the episode.
export function magnitudes({ values }, count) {
  const sums = new Float64Array(count);
  values.forEach((value, k) => { if (Number.isFinite(value)) sums[k % count] += Math.abs(value); });
  return sums;
}
