// The open episode of one agent, or of two agents side by side, and what acts on all of the page.

import { addressOf } from "./address.js";
import { clock, go, pause, seek, setSteps } from "./clock.js";
import { byId, element, write } from "./document.js";
import { makeHighlights } from "./highlights.js";
import { makeSide } from "./side.js";
import { makeTimeline } from "./timeline.js";

export const index = JSON.parse(byId("data").textContent);
const [outcomes] = index.sides; // outcomes of the first agent
const episodes = [...document.getElementsByClassName("episode-data")]; // those of the first agent come first
let position = 0; // position of the open episode in `outcomes`
let level = "variables"; // or "elements"
let sides = [];
let timeline = null;
let moments = null;

const commands = { seek, choose: chooseAll, select, next: selectNext, point, zoom: zoomAll, changed: viewsChanged };

// An episode is read when it is opened, so that a page of many opens as quickly as a page of one.
function readEpisode(side, k) {
  return JSON.parse(episodes[side * outcomes.length + k].textContent);
}

export function openEpisode(k, newLevel = level) {
  pause();
  close();
  position = k;
  const extent = Math.max(...index.sides.map((each) => each[k].steps));
  const alone = index.sides.length === 1;
  const contents = index.sides.map((_, side) => readEpisode(side, k));
  level = newLevel;
  sides = contents.map((content, side) => {
    const root = byId("sides").children[side];
    root.append(byId("side").content.cloneNode(true));
    return makeSide(root, content, { alone, short: shortNames(contents)[side], level, commands });
  });
  setSteps(extent);
  byId("episode").value = k;
  const filled = sides.filter(({ data }) => data.steps);
  for (const id of ["timeline", "moments"]) byId(id).hidden = filled.length === 0;
  moments = makeHighlights(sides, extent, seek);
  if (!filled.length) return;
  showLevels(filled[0].data);
  chooseShared(filled);
  timeline = makeTimeline(filled, extent, commands);
  if (filled.some(({ views }) => views.length)) viewsChanged();
  fit();
  select(filled[0].data.names[filled[0].mostImportant()]);
  go(clock.step);
}

function close() {
  for (const side of sides) side.end();
  timeline?.end();
  [sides, timeline] = [[], null];
}

// Names of the agents; with the names of their recordings where the agents have the same.
function shortNames(contents) {
  const names = contents.map(({ policy }) => policy);
  return new Set(names).size === names.length ? names : contents.map(({ policy, recording }) => `${policy} (${recording})`);
}

function showLevels({ hasLevels, count }) {
  byId("elements-label").hidden = !hasLevels;
  byId("elements").checked = level === "elements";
  byId("all-rows").checked = false;
  byId("all-rows-label").hidden = count < 12;
}

// Two agents share a scale where their views have the same unit; where not, a word says so.
function viewsChanged() {
  const views = sides.map(({ state }) => state?.view).filter(Boolean);
  const alike = views.length === 2 && views[0].unit === views[1].unit && sides[0].data.scoreName === sides[1].data.scoreName;
  if (alike) {
    const robust = Math.max(...views.map((view) => view.robust));
    for (const side of sides) side.share(robust);
  }
  byId("scales-note").textContent = views.length === 2 && !alike
    ? `scales differ: ${sides.map(({ short, data, state }) => `${short} ${state.view.robust.toPrecision(2)} ${data.scoreName.replaceAll("_", " ")}`).join(", ")}`
    : "";
  timeline.showViews();
  go(clock.step);
}

export function openNumber(number) {
  const k = outcomes.findIndex((outcome) => outcome.number === number);
  if (k >= 0 && k !== position) openEpisode(k);
}

export function openNext(by) {
  const k = position + by;
  if (k >= 0 && k < outcomes.length) openEpisode(k);
  else byId(by > 0 ? "next" : "previous")?.click();
}

export function showStep(step) {
  const actions = sides.map((side) => (sides.length > 1 ? `${side.short}: ` : "") + side.describe(step)).join("; ");
  byId("scrubber").value = step;
  byId("scrubber").setAttribute("aria-valuetext", `step ${step} of ${clock.steps - 1}, ${actions}`);
  write(byId("clock"), `step ${step} / ${clock.steps - 1}`);
  for (const side of sides) side.show(step);
  timeline?.showStep(step);
  moments?.mark(step);
}

// The address of the shown moment.
export function currentAddress() {
  return addressOf(outcomes.length > 1 ? outcomes[position].number : null, clock.step);
}

export function toHighlight(by) {
  const step = moments.next(clock.step, by);
  if (step !== undefined) seek(step);
}

// Two agents begin with the first view that both have, so that what stands side by side is of one method.
function chooseShared([first, second]) {
  const shared = second && first.views.find(({ name }) => second.views.some((view) => view.name === name));
  if (shared) for (const side of [first, second]) side.choose(shared.name);
}

// The view after the chosen view of the first side, on all sides that have it.
export function chooseNext(by) {
  const name = sides[0].viewAfter(by);
  if (name !== undefined) chooseAll(name);
}

function chooseAll(name) {
  for (const side of sides) side.choose(name);
  viewsChanged();
}

function select(name) {
  for (const side of sides) side.select(name);
  timeline?.showFeature();
}

// The feature after the selected one.
export function selectNext(by) {
  const side = sides.find(({ data }) => data.steps);
  if (!side) return;
  const { names, count } = side.data;
  select(names[(side.state.feature + by + count) % count]);
}

function point(name) {
  for (const side of sides) side.mark(name);
  const side = sides.find(({ data }) => data.steps);
  timeline.mark(name === null ? -1 : side.data.names.indexOf(name));
}

export function zoomAll(factor) {
  timeline?.zoom(factor);
}

export function recolorAll() {
  for (const side of sides) side.recolor();
  timeline?.recolor();
}

// Whatever was pointed at is no longer below the pointer.
export function leavePlots() {
  timeline?.leave();
}

export function fit() {
  for (const side of sides) side.fit();
  timeline?.fit(byId("tracks").clientWidth, byId("tracks").clientHeight);
}

export function watchSizes() {
  const watching = new ResizeObserver(fit);
  for (const id of ["sides", "tracks"]) watching.observe(byId(id));
  byId("all-rows").addEventListener("change", () => {
    for (const side of sides) side.setAllRows(byId("all-rows").checked);
    timeline.setAllRows(byId("all-rows").checked);
  });
  byId("elements").addEventListener("change", () => openEpisode(position, byId("elements").checked ? "elements" : "variables"));
  byId("chosen-feature").addEventListener("change", () => {
    const side = sides.find(({ data }) => data.steps);
    select(side.data.names[Number(byId("chosen-feature").value)]);
  });
  for (const [id, factor] of [["closer", 2], ["farther", 0.5], ["whole", 0]]) byId(id).addEventListener("click", () => zoomAll(factor));
}

export function makeRoots() {
  byId("sides").append(...index.sides.map(() => element("article", "side")));
  byId("app").classList.toggle("pair", index.sides.length > 1);
}
