// The tracks of an episode: attributions, the selected feature, what the policy computed and did, and the reward.

import { seriesColor } from "./colors.js";
import { CROWD, isLong } from "./crowd.js";
import { choice } from "./document.js";
import { makeHeat } from "./heat.js";
import { brief, column, signed } from "./numbers.js";
import { makePolicyTrack } from "./policy.js";
import { line, padded } from "./tracks.js";
import { actionText, attributionText, valueLines, valueText } from "./words.js";

// `changed` is called after the numbers of a track changed.
export function makePanels(side, span, tracks, explained, changed) {
  const { data } = side;
  const heat = explained ? makeHeat(side, span, tracks) : null;
  const trace = explained ? makeTrace(side, tracks) : null;
  const value = data.observedWidth ? makeValue(side, tracks) : null;
  const strip = data.singleChoice ? makeStrip(side, span, tracks) : null;
  makePolicyTrack(side, span, tracks, changed);
  const reward = makeReward(side, tracks, changed);

  function showView(view) {
    heat.show(view);
  }

  function showFeature(view, f) {
    heat?.mark(f);
    trace?.show(view, f);
    value?.show(f);
  }

  function showStep(view, f, step) {
    trace?.showStep(view, f, step);
    value?.showStep(f, step);
    strip?.showStep(step);
    reward.showStep(step);
  }

  return { showView, showFeature, showStep };
}

function nameTrack({ name }, text) {
  name.textContent = name.title = text;
  name.classList.toggle("long", isLong(text));
}

// The attribution of the selected feature, in front of the others unless they are a crowd.
function makeTrace({ data, state }, tracks) {
  const { count, names } = data;
  const others = count <= CROWD ? names.map(() => line("--faint", 1)) : [];
  const range = (_, low, high) => padded(Math.min(low ?? 0, 0), Math.max(high ?? 0, 0)); // with zero in sight
  const tip = (step) => [[names[state.feature], attributionText(data, state.view, step, state.feature)]];
  const track = tracks.add({ title: "", height: 96, lines: [...others, line("--accent", 1.75)], range, tip });

  function show(view, f) {
    nameTrack(track, names[f]);
    track.detail.textContent = `attribution, ${view.unit}`;
    track.setLines([...others.map((_, k) => column(view.values, count, k)), column(view.values, count, f)]);
  }

  function showStep(view, f, step) {
    const value = view.values[step * count + f];
    track.now.textContent = Number.isFinite(value) ? signed(value, view.robust) : "not explained";
  }

  return { show, showStep };
}

// The observed values of the selected feature.
function makeValue({ data, state }, tracks) {
  const { names, units, kinds } = data;
  const tip = (step) => valueLines(data, step, state.feature);
  const track = tracks.add({ title: "", height: 84, lines: [line("--ink", 1.25)], tip });

  function show(f) {
    track.box.hidden = kinds[f] === "region";
    if (track.box.hidden) return;
    tracks.fit(); // a hidden track has no width
    nameTrack(track, names[f]);
    track.detail.textContent = units[f] ? `value, ${units[f]}` : "value";
    track.detail.title = units[f] ?? "";
    track.setLines([column(data.observed, data.observedWidth, data.columns[f])]);
  }

  function showStep(f, step) {
    track.now.textContent = valueText(data, step, f);
  }

  return { show, showStep };
}

// The action of each step as a strip of its color.
function makeStrip({ data }, span, tracks) {
  const tip = (step) => [["action", actionText(data, step), seriesColor(data.taken[step])]];
  const track = tracks.add({ title: "Action", height: 26, paint, tip });
  track.box.classList.add("strip-track");

  function paint({ ctx, bbox }) {
    const width = bbox.width / (span.end - span.start);
    for (let step = span.start; step < Math.min(span.end, data.steps); step++) {
      const left = bbox.left + (step - span.start) * width;
      ctx.fillStyle = seriesColor(data.taken[step]);
      ctx.fillRect(Math.floor(left), bbox.top, Math.ceil(left + width) - Math.floor(left), bbox.height);
    }
  }

  function showStep(step) {
    track.now.textContent = actionText(data, step);
  }

  return { showStep };
}

function makeReward({ data: { rewards, returnSoFar } }, tracks, changed) {
  const tip = (step) => [["reward", brief(rewards[step])], ["return so far", brief(returnSoFar[step])]];
  const track = tracks.add({ title: "Reward", height: 84, lines: [line("--ink", 1.25)], axis: true, tip });
  let values = returnSoFar;

  function show(newValues) {
    values = newValues;
    track.setLines([column(values, 1, 0)]);
  }

  function showStep(step) {
    track.now.textContent = brief(values[step]);
  }

  choice(track.extra, ["return so far", "each step"], (k) => { show([returnSoFar, rewards][k]); changed(); });
  show(returnSoFar);
  return { showStep };
}
