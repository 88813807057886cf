// The tracks below the heatmap: what the policy did and computed, the selected feature, and the reward.

import { SERIES, css, seriesColor } from "./colors.js";
import { holdsForStep } from "./data.js";
import { choice, write } from "./document.js";
import { brief, column, fixed, largest, signed } from "./numbers.js";
import { policyModes } from "./policy.js";
import { paintRibbons } from "./ribbons.js";
import { paintTrace, traceRange } from "./trace.js";
import { line, padded } from "./tracks.js";
import { actionName, actionText, attributionText, featureLabel, sizeText, valueLines, valueText } from "./words.js";

const TIP_LENGTH = 8;
const DASHES = [undefined, [5, 4]]; // of the first agent and of the second

// The values of one column as uPlot expects them, up to the end of the longer side.
function padTo(numbers, extent) {
  return numbers.length >= extent ? numbers : [...numbers, ...new Array(extent - numbers.length).fill(null)];
}

function listOf(values) {
  return column(values, 1, 0);
}

// The action of each step as a strip of its color, one for each side.
export function makeStrip(sides, span, tracks) {
  const lanes = sides.filter(({ data }) => data.singleChoice);
  if (!lanes.length) return null;
  const differ = sides.length > 1 && lanes.length === 2;
  const tip = (step) => lanes.filter(({ data }) => step < data.steps)
    .map(({ data, short }) => [short || "action", actionText(data, step), data.taken[step]]);
  const track = tracks.add({ key: "strip", title: "action", label: "Actions taken", paint, tip });
  if (differ) track.detail.textContent = "below: where they differ";

  function paint({ ctx, bbox }) {
    const width = bbox.width / (span.end - span.start);
    const count = lanes.length + (differ ? 0.5 : 0);
    const lane = bbox.height / count;
    const cell = (step) => {
      const left = bbox.left + (step - span.start) * width;
      return [Math.floor(left), Math.ceil(left + width) - Math.floor(left)];
    };
    lanes.forEach(({ data }, k) => {
      for (let step = span.start; step < Math.min(span.end, data.steps); step++) {
        const [left, size] = cell(step);
        ctx.fillStyle = seriesColor(data.taken[step]);
        ctx.fillRect(left, Math.round(bbox.top + k * lane), size, Math.round(lane) - (lanes.length > 1 ? 1 : 0));
      }
    });
    if (!differ) return;
    ctx.fillStyle = css("--ink");
    const [first, second] = lanes.map(({ data }) => data);
    for (let step = span.start; step < Math.min(span.end, first.steps, second.steps); step++) {
      const [left, size] = cell(step);
      if (first.taken[step] !== second.taken[step]) ctx.fillRect(left, bbox.top + 2 * lane, size, lane / 2);
    }
  }

  function showStep(step) {
    if (lanes.length === 1) write(track.now, actionText(lanes[0].data, step)); // two agents say theirs above
  }

  return { track, showStep, lanes: lanes.length + (differ ? 0.5 : 0) };
}

// What the policy computed for each action of one side: ribbons of probabilities, or lines.
export function makeScores({ data, short }, span, tracks, changed) {
  const modes = policyModes(data);
  const width = Math.max(...modes.map((each) => each.width));
  const lines = Array.from({ length: width }, (_, k) => ({
    ...line("", 1.5, { dash: k < SERIES ? undefined : [6, 4] }), // where colors repeat
    stroke: () => seriesColor(k),
  }));
  let mode = modes[0];
  const track = tracks.add({
    key: "scores",
    plain: modes[0].stacked,
    title: short || (data.discrete ? mode.name : "action"),
    label: data.discrete ? "Scores of the actions" : "Actions",
    lines,
    range: (_, low, high) => (mode.stacked ? [0, 1] : padded(low, high)),
    paint: (plot) => { if (mode.stacked) paintRibbons(plot, span, data.steps, mode.values, mode.width); },
    tip: (step) => (step < data.steps ? tipOf(data, mode, step) : []),
  });

  function show(newMode) {
    mode = newMode;
    if (!short && data.discrete) track.name.textContent = mode.name;
    const hasLine = (k) => k < mode.width && !mode.stacked;
    const empty = new Array(span.extent).fill(null);
    track.setLines(lines.map((_, k) => (hasLine(k) ? padTo(column(mode.values, mode.width, k), span.extent) : empty)));
  }

  track.name.classList.toggle("unseen", !short && modes.length > 1); // the pressed button names it
  if (modes.length > 1) choice(track.extra, modes.map(({ name }) => name), (k) => { show(modes[k]); changed(); });
  show(modes[0]);
  return { track };
}

// The largest numbers first.
function tipOf(data, { name, values, width }, step) {
  const row = Array.from(values.subarray(step * width, (step + 1) * width));
  const order = row.map((_, k) => k).sort((a, b) => row[b] - row[a]).slice(0, TIP_LENGTH);
  return [[name, ""], ...order.map((k) => [actionName(data, k), fixed(row[k], largest(row), 2), k])];
}

// The attribution of the selected feature of one side.
export function makeTrace(side, span, tracks) {
  const { data, state, short } = side;
  let [view, f] = [null, 0];
  const track = tracks.add({
    key: "trace",
    title: "attribution",
    label: "Attribution of the selected feature",
    lines: [{ show: false }],
    range: () => (view ? padded(...traceRange(side, view, f)) : [0, 1]),
    paint: (plot) => { if (view) paintTrace(plot, span, side, view, f); },
    tip: (step) => (view && step < data.steps ? [[data.names[f], attributionText(data, view, step, f)]] : []),
  });

  function show() {
    ({ view, feature: f } = state);
    const lines = view?.moving && data.singleChoice ? ", a line for each action" : "";
    track.detail.textContent = `${short ? `${short}, ` : ""}${data.names[f]}${lines}`;
    track.name.title = track.detail.textContent;
    track.detail.title = view?.unit ?? "";
    track.describe(`Attribution of ${data.names[f]} over the episode`);
    track.setLines([new Array(span.extent).fill(0)]);
  }

  function showStep(step) {
    const source = view && step < data.steps ? view.held[step] : -1;
    write(track.now, source < 0 ? "–" : sizeText(view, view.values[source * data.count + f]) || "–");
  }

  return { track, show, showStep };
}

// The observed values of the selected feature, of all sides.
export function makeObserved(sides, span, tracks) {
  const own = ({ data }) => data.names.indexOf(sides[0].data.names[sides[0].state.feature]); // another agent may not have it
  const having = () => sides.filter((side) => own(side) >= 0);
  const series = [false, true].flatMap((held) => sides.map((_, k) => line("--ink", 1.25, { dash: DASHES[k], steps: held })));
  const track = tracks.add({
    key: "observed",
    title: "observed",
    label: "Observed value of the selected feature",
    lines: series,
    tip: (step) => having().filter(({ data }) => step < data.steps)
      .flatMap((side) => valueLines(side.data, step, own(side)).map(([term, text]) => [side.short || term, text])),
  });
  const numbers = sides.map(() => new Map()); // of each feature, made when it is first selected

  function show() {
    const f = sides[0].state.feature;
    const { names } = sides[0].data;
    const held = having().every((side) => holdsForStep(side.data, own(side)));
    track.detail.textContent = track.name.title = featureLabel(sides[0].data, f);
    const columns = sides.map((side, k) => {
      if (!numbers[k].has(f)) {
        const [{ data }, g] = [side, own(side)];
        const values = g < 0 ? [] : Array.from({ length: data.steps }, (_, step) => data.valueAt(step, g));
        numbers[k].set(f, padTo(values.map((value) => (Number.isFinite(value) ? value : null)), span.extent));
      }
      return numbers[k].get(f);
    });
    const empty = columns.map(() => new Array(span.extent).fill(null));
    track.describe(`Value of ${names[f]} over the episode`);
    track.setLines(held ? [...empty, ...columns] : [...columns, ...empty]);
  }

  function showStep(step) {
    const texts = having().map((side) => valueText(side.data, Math.min(step, side.data.steps - 1), own(side)));
    write(track.now, texts.join(" / "));
  }

  return { track, show, showStep };
}

// A number for each step, of all sides: `numbersOf(data)` has them, or null where there are none.
export function makeNumbers(sides, span, tracks, { key, title, detail = "", numbersOf, steps = false, sign = false }) {
  const having = sides.map((side, k) => ({ ...side, k, numbers: numbersOf(side.data) })).filter(({ numbers }) => numbers);
  if (!having.length) return null;
  const track = tracks.add({
    key,
    title,
    label: title,
    lines: having.map(({ k }) => line("--ink", 1.25, { dash: DASHES[k], steps })),
    range: sign ? (_, low, high) => padded(Math.min(low ?? 0, 0), Math.max(high ?? 0, 0)) : null,
    tip: (step) => having.map(({ numbers, short }) => [sides.length > 1 ? short : title, brief(numbers[step] ?? NaN)]),
  });
  track.detail.textContent = track.detail.title = detail;
  track.setLines(having.map(({ numbers }) => padTo(listOf(numbers), span.extent)));

  function showStep(step) {
    const at = (numbers) => numbers[Math.min(step, numbers.length - 1)];
    const texts = having.map(({ numbers }) => (sign ? signed(at(numbers), largestOf(numbers)) : brief(at(numbers))));
    write(track.now, texts.join(" / "));
  }

  return { track, showStep };
}

const sizes = new WeakMap();

function largestOf(numbers) {
  if (!sizes.has(numbers)) sizes.set(numbers, largest(numbers));
  return sizes.get(numbers);
}
