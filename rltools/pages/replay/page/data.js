// What the page carries of one episode, unpacked.

const STEPS = page.outcome.steps;
const NAMES = page.features.names;
const UNITS = page.features.units;
const KINDS = page.features.kinds;
const COUNT = NAMES.length;
const WHAT = KINDS.every((kind) => kind === "region") && COUNT ? "regions" : KINDS.includes("region") ? "features and regions" : "features";
const PICTURES = page.features.pictures;
const observed = unpack(page.features.values);
const deviations = unpack(page.deviations);
const rewards = unpack(page.rewards);
const taken = unpack(page.actions.taken);
const scores = unpack(page.actions.scores);
const TAKEN_WIDTH = STEPS ? taken.length / STEPS : 0;
const SCORES_WIDTH = STEPS ? scores.length / STEPS : 0;
const allowed = unpack(page.actions.allowed); // null where every action always is

const cumulated = new Float64Array(STEPS);
for (let t = 0, sum = 0; t < STEPS; t++) cumulated[t] = sum += rewards[t];

const probabilities = page.actions.discrete && page.actions.score === "logit" ? softmax() : null;

function softmax() {
  const found = new Float32Array(scores.length);
  for (let t = 0; t < STEPS; t++) {
    const row = scores.slice(t * SCORES_WIDTH, (t + 1) * SCORES_WIDTH);
    if (allowed) row.forEach((_, k) => { if (!allowed[t * SCORES_WIDTH + k]) row[k] = -Infinity; });
    const top = Math.max(...row);
    const sizes = Array.from(row, (score) => Math.exp(score - top));
    const sum = sizes.reduce((a, b) => a + b, 0);
    sizes.forEach((size, k) => { found[t * SCORES_WIDTH + k] = size / sum; });
  }
  return found;
}

// Regions have no value of their own; the columns of the others stand side by side.
const OBSERVED_AT = KINDS.map((kind, f) => (kind === "region" ? -1 : KINDS.slice(0, f).filter((other) => other !== "region").length));
const OBSERVED_WIDTH = KINDS.filter((kind) => kind !== "region").length;

function valueAt(t, f) {
  return OBSERVED_AT[f] < 0 ? NaN : observed[t * OBSERVED_WIDTH + OBSERVED_AT[f]];
}

function column(values, width, at) {
  const found = new Array(STEPS);
  for (let t = 0; t < STEPS; t++) {
    const value = values[t * width + at];
    found[t] = Number.isFinite(value) ? value : null;
  }
  return found;
}

function actionName(k) {
  return page.actions.names[k] ?? `action ${k}`;
}

function actionTaken(t) {
  if (page.actions.discrete && TAKEN_WIDTH === 1) return actionName(taken[t]);
  return Array.from(taken.subarray(t * TAKEN_WIDTH, (t + 1) * TAKEN_WIDTH), brief).join(", ");
}

function featureLabel(f) {
  return UNITS[f] ? `${NAMES[f]} (${UNITS[f]})` : NAMES[f];
}

// One explained scalar by one method: values [step, feature], a map of each picture [step, y, x], the scalar itself.
function makeViews() {
  return page.attributions.flatMap((asked) => {
    const parts = [asked.plain, asked.scaled].map((part) => part && { values: unpack(part.values), maps: part.maps.map(unpack) });
    const explained = unpack(asked.scores);
    const residual = unpack(asked.residual);
    const targets = asked.labels.length;
    return asked.labels.map((label, k) => withStart({
      asked,
      label,
      name: viewName(asked, label),
      parts: parts.map((part) => part && {
        values: slice(part.values, targets, k, COUNT),
        maps: part.maps.map((map) => slice(map, targets, k, map.length / (STEPS * targets))),
      }),
      mapShapes: asked.plain.maps.map((map) => map.shape.slice(2)),
      explained: slice(explained, targets, k, 1),
      residual: residual === null ? null : slice(residual, targets, k, 1),
    }));
  });
}

// The bars of a method that compares start from the references' mean score: what neither they nor the residual explain.
function withStart(view) {
  if (view.residual === null || !("reference" in view.asked.parameters)) return { ...view, start: null, sum: null };
  const sum = Float64Array.from({ length: STEPS }, (_, t) => view.parts[0].values.subarray(t * COUNT, (t + 1) * COUNT).reduce((a, b) => a + b, 0));
  return { ...view, sum, start: sum.map((total, t) => view.explained[t] - total - view.residual[t]) };
}

function viewName(asked, label) {
  return `${label} by ${asked.method}${asked.apart ? ` (${asked.apart})` : ""}`;
}

function parameters(asked) {
  return Object.entries(asked.parameters).map(([name, value]) => `${name} ${value}`).join(", ") || "defaults";
}

function slice(values, targets, k, width) {
  if (targets === 1) return values;
  const found = new Float32Array(STEPS * width);
  for (let t = 0; t < STEPS; t++) {
    const from = (t * targets + k) * width;
    found.set(values.subarray(from, from + width), t * width);
  }
  return found;
}

// The view's numbers as they are drawn, and the scales that hold over the whole episode.
function drawn(view, standardised) {
  const perUnit = view.asked.unit === "score per unit";
  const scaled = perUnit && standardised && canBeScaled(view);
  const [plain, ready] = view.parts;
  const part = !scaled ? plain : ready ?? { values: plain.values.map((value, at) => value * deviations[at % COUNT]), maps: [] };
  const unit = scaled ? "score per standard deviation" : perUnit ? `score per unit of the ${PICTURES.length ? "observation" : "feature"}` : view.asked.unit;
  const scale = largest(part.values);
  const robust = quantile(part.values.filter((value) => value !== 0), 0.99) || scale; // of many choices most have nothing to say
  const mapScales = part.maps.map((map) => quantile(map, 0.999) || 1);
  return { ...view, ...part, mapScales, unit, scale, robust, perUnit, scaled };
}

function canBeScaled(view) {
  return deviations !== null || view.parts[1] !== null;
}
