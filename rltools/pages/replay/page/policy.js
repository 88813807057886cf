// What the policy computed for its actions, and the track of it.

import { SERIES, seriesColor, swatch } from "./colors.js";
import { choice, element, named } from "./document.js";
import { column, fixed, largest } from "./numbers.js";
import { paintRibbons } from "./ribbons.js";
import { line, padded } from "./tracks.js";
import { actionName } from "./words.js";

const KEY_LENGTH = 12; // actions named beside the track
const TIP_LENGTH = 8;

// The ways to show what the policy computed, the most telling first; `values` are `[step, width]`.
export function policyModes(data) {
  const { probabilities, scores, taken, discrete, scoreName } = data;
  const width = data.scoresWidth;
  const plain = { name: scoreName, values: scores, width };
  if (probabilities) return [{ name: "probability", values: probabilities, width, stacked: true }, plain];
  if (discrete && width > 1) return [{ name: "above mean", values: aboveMean(scores, width), width }, plain];
  if (discrete || scoreName === "action") return [plain];
  return [{ name: "taken", values: taken, width: data.takenWidth }, plain];
}

// What all actions have in common, such as the value of the state, would hide how they differ.
function aboveMean(scores, width) {
  const differences = scores.slice();
  for (let start = 0; start < scores.length; start += width) {
    const row = differences.subarray(start, start + width);
    const mean = row.reduce((a, b) => a + b, 0) / width;
    row.forEach((score, k) => { row[k] = score - mean; });
  }
  return differences;
}

export function makePolicyTrack({ data }, span, tracks, changed) {
  const modes = policyModes(data);
  const width = Math.max(...modes.map((each) => each.width));
  const dash = (k) => (k < SERIES.length ? undefined : [6, 4]); // where colors repeat
  const lines = Array.from({ length: width }, (_, k) => line(seriesColor(k), 1.5, dash(k)));
  let mode = modes[0];
  const track = tracks.add({
    title: data.discrete ? "Scores" : "Action",
    height: 110,
    lines,
    range: (_, low, high) => (mode.stacked ? [0, 1] : padded(low, high)),
    paint: (plot) => { if (mode.stacked) paintRibbons(plot, span, data.steps, mode.values, mode.width); },
    tip: (step) => tipOf(data, mode, step),
  });

  function show(newMode) {
    mode = newMode;
    if (modes.length === 1) track.detail.textContent = mode.name;
    const hasLine = (k) => k < mode.width && !mode.stacked;
    const empty = new Array(data.steps).fill(null);
    track.setLines(lines.map((_, k) => (hasLine(k) ? column(mode.values, mode.width, k) : empty)));
  }

  if (modes.length > 1) choice(track.extra, modes.map(({ name }) => name), (k) => { show(modes[k]); changed(); });
  track.box.firstElementChild.append(makeKey(data, width));
  show(modes[0]);
}

function makeKey(data, width) {
  const key = element("div", "key");
  for (let k = 0; k < Math.min(width, KEY_LENGTH); k++) {
    const item = element("span", "key-item");
    item.append(swatch(seriesColor(k)), named("span", "", actionName(data, k)));
    key.append(item);
  }
  return key;
}

// The largest numbers first.
function tipOf(data, { name, values, width }, step) {
  const row = Array.from(values.subarray(step * width, (step + 1) * width));
  const order = row.map((_, k) => k).sort((a, b) => row[b] - row[a]).slice(0, TIP_LENGTH);
  return [[name, ""], ...order.map((k) => [actionName(data, k), fixed(row[k], largest(row), 2), seriesColor(k)])];
}
