// The whole episode: the heatmap, the actions and the other tracks on one time axis, and how they share the height.

import { byId, clipped, element } from "./document.js";
import { LEAST_ROW, makeHeat } from "./heat.js";
import { makeNumbers, makeObserved, makeScores, makeStrip, makeTrace } from "./panels.js";
import { makeSpan } from "./span.js";
import { makeTracks } from "./tracks.js";
import { featureLabel } from "./words.js";

const GAP = 5; // pixels between tracks
const AXIS = 22;
const STRIP = 13; // of a side
const [LOWEST, COMFORTABLE, HIGHEST] = [31, 54, 120]; // heights of a track
const ROW = [LEAST_ROW, 20, 30]; // heights of a row of the heatmap
const TALL = 430; // a timeline that has room for the further tracks
const FURTHER = new Set(["observed", "advantage", "margins"]); // where something more important is to be seen
const MOST_OPTIONS = 8; // of a choice whose values are drawn as a line
const shown = new Map(); // what the reader chose to see or not to see, by track

// Whether the values of a feature make a line: not without values of its own, nor as one of many that have no order.
function canBeTraced({ kinds, options }, f) {
  return !["image", "region", "group"].includes(kinds[f]) && options[f].length <= MOST_OPTIONS;
}

// `commands` act on all sides; `sides` are those with steps.
export function makeTimeline(sides, extent, commands) {
  const host = byId("tracks");
  const span = makeSpan(extent);
  const oneScreen = matchMedia("(min-width: 900px) and (min-height: 560px)");
  const tracks = makeTracks(host, span, { seek: commands.seek, zoom: commands.zoom, gutter });
  const select = (f) => commands.select(sides[0].data.names[f]);
  const point = (f) => commands.point(f < 0 ? null : sides[0].data.names[f]);
  const explained = sides.some(({ views }) => views.length);
  const heat = explained ? makeHeat(sides, span, tracks, { select, point }) : null;
  const strip = makeStrip(sides, span, tracks);
  const scores = sides.map((side) => makeScores(side, span, tracks, () => showStep(current)));
  const traces = explained ? sides.map((side) => makeTrace(side, span, tracks)) : [];
  const observed = makeObserved(sides, span, tracks);
  const value = makeNumbers(sides, span, tracks, {
    key: "state-value", title: "state value", numbersOf: (data) => data.stateValues?.numbers, detail: detailOf((data) => data.stateValues?.unit) });
  const advantage = makeNumbers(sides, span, tracks, {
    key: "advantage", title: "advantage", numbersOf: (data) => data.advantages?.numbers, sign: true, detail: detailOf((data) => data.advantages?.description) });
  const margin = makeNumbers(sides, span, tracks, {
    key: "margins", title: "margin", numbersOf: (data) => data.margins?.numbers, sign: true, detail: detailOf((data) => data.margins && `to the runner-up, ${data.margins.unit}`) });
  const rewards = [
    makeNumbers(sides, span, tracks, { key: "return", title: "return so far", numbersOf: (data) => data.returnSoFar }),
    makeNumbers(sides, span, tracks, { key: "reward", title: "reward", numbersOf: (data) => data.rewards, steps: true, sign: true }),
  ];
  const axis = tracks.add({ key: "axis", title: "step", axis: true });
  const switches = makeSwitches();
  const dropped = new Set(); // tracks for which there is no room
  let current = 0;
  let allRows = false;
  let [width, height] = [0, 0];

  function detailOf(textOf) {
    return [...new Set(sides.map(({ data }) => textOf(data)).filter(Boolean))].join("; ");
  }

  function gutter() {
    if (host.clientWidth < 608) return 98;
    return Math.min(190, Math.max(140, Math.round(host.clientWidth * 0.17)));
  }

  function makeSwitches() {
    const names = new Map(tracks.tracks.map((track) => [track.key, nameOf(track)]));
    for (const fixed of ["heat", "strip", "axis"]) names.delete(fixed);
    byId("switches").replaceChildren();
    const buttons = new Map();
    for (const [key, name] of names) {
      const button = element("button", "", name);
      button.type = "button";
      button.addEventListener("click", () => {
        shown.set(key, button.getAttribute("aria-pressed") !== "true");
        layout();
      });
      byId("switches").append(button);
      buttons.set(key, button);
    }
    return buttons;
  }

  function nameOf({ key, name }) {
    return { scores: "scores", return: "return" }[key] ?? name.textContent;
  }

  // Unless the reader chose: a track for each question, and the further ones where there is room for them.
  function visible(key) {
    if (["heat", "strip", "axis"].includes(key)) return true;
    if (shown.has(key)) return shown.get(key);
    if (dropped.has(key)) return false;
    if (key === "reward") return false;
    if (key === "trace" && sides.length > 1) return false;
    if (key === "state-value" && sides.length > 1) return height > TALL;
    if (key === "margins" && !value && sides.length === 1) return true;
    return !FURTHER.has(key) || height > TALL;
  }

  function layout() {
    const noValue = !canBeTraced(sides[0].data, sides[0].state.feature);
    dropped.clear();
    for (const key of ["", "margins", "trace", "scores"]) { // the least needed first, until the others fit
      dropped.add(key);
      for (const track of tracks.tracks) {
        track.box.hidden = !visible(track.key) || (track.key === "observed" && noValue);
      }
      if (!oneScreen.matches || leastHeight() <= height) break;
    }
    for (const [key, button] of switches) button.setAttribute("aria-pressed", String(visible(key)));
    const heights = heightsOf();
    for (const track of tracks.tracks) track.head.classList.toggle("low", heights(track) < 56);
    tracks.fit(width, heights);
    tracks.markStep(current);
  }

  function leastHeight() {
    const seen = tracks.tracks.filter(({ box }) => !box.hidden);
    const others = seen.filter(({ key }) => !["heat", "strip", "axis"].includes(key)).length;
    const heatRows = heat ? Math.min(4, sides[0].data.count) * ROW[0] * sides.length : 0;
    return heatRows + others * LOWEST + (strip ? STRIP * strip.lanes : 0) + AXIS + GAP * (seen.length - 1);
  }

  // The heatmap has rows that can be read, as many as there are or fit; other tracks share what is left.
  function heightsOf() {
    const visibleTracks = tracks.tracks.filter(({ box }) => !box.hidden);
    const others = visibleTracks.filter(({ key }) => !["heat", "strip", "axis"].includes(key));
    const stripHeight = Math.round(STRIP * (strip?.lanes ?? 1));
    const rest = height - GAP * (visibleTracks.length - 1) - AXIS - (strip ? stripHeight : 0);
    const compact = !oneScreen.matches;
    const count = sides[0].data.count;
    const lanes = sides.length > 1 ? 1.5 : 1;
    const [least, ideal, most] = ROW.map((size) => size * lanes);
    let heatHeight = 0;
    if (heat) {
      const room = compact ? 24 * lanes * Math.min(count, 16) : Math.max(rest - others.length * 40, Math.min(rest * 0.38, rest - others.length * LOWEST), 2 * least);
      const fitting = Math.max(3, Math.floor(room / least));
      const rows = heat.setRows(allRows ? count : Math.min(count, fitting), sides[0].state.feature);
      byId("rows-note").textContent = rows < count ? `${rows} of ${count} ${sides[0].data.noun}: the largest over the episode` : "";
      heatHeight = allRows && count > fitting ? room : compact ? room : Math.min(room, rows * (rest > 2 * rows * ideal ? most : ideal));
    }
    const share = compact ? COMFORTABLE : Math.min(HIGHEST, Math.max(LOWEST, Math.floor((rest - heatHeight) / Math.max(1, others.length))));
    if (heat && !compact && share === HIGHEST) heatHeight = Math.min(rest - HIGHEST * others.length, count * most);
    heat?.setHeight(heatHeight);
    return ({ key }) => ({ heat: heatHeight, strip: stripHeight, axis: AXIS }[key] ?? share);
  }

  function fit(newWidth, newHeight) {
    [width, height] = [newWidth, newHeight];
    layout();
  }

  function showViews() {
    heat?.show(sides.map(({ state }) => state.view));
    for (const trace of traces) trace.show();
    if (width) layout();
  }

  function showFeature() {
    const f = sides[0].state.feature;
    byId("chosen-feature").value = f;
    for (const trace of traces) trace.show();
    observed.show();
    if (width) layout();
    mark(-1);
    showStep(current);
  }

  function mark(pointed) {
    heat?.mark(sides[0].state.feature, pointed);
  }

  function showStep(step) {
    current = step;
    strip?.showStep(step);
    for (const trace of traces) trace.showStep(step);
    for (const each of [observed, value, advantage, margin, ...rewards]) each?.showStep(step);
    span.follow(step);
    tracks.markStep(step);
  }

  function setAllRows(all) {
    allRows = all;
    layout();
    tracks.repaint();
  }

  function fillFeatures() {
    const { data } = sides[0];
    const options = data.names.map((_, f) => new Option(clipped(featureLabel(data, f)), f));
    byId("chosen-feature").replaceChildren(...options);
  }

  span.onChange(() => tracks.markStep(current));
  fillFeatures();
  return {
    fit,
    showViews,
    showFeature,
    showStep,
    mark,
    setAllRows,
    leave: tracks.leave,
    zoom: span.zoom,
    recolor: tracks.repaint,
    end: tracks.destroy,
    axis,
    scores,
  };
}
