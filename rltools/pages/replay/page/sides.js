// The sides of the page: the open episode of one agent, or of two agents side by side.

import { addressOf } from "./address.js";
import { clock, go, pause, seek, setSteps } from "./clock.js";
import { byId, element } from "./document.js";
import { makeSide } from "./side.js";

export const index = JSON.parse(byId("data").textContent);
const [outcomes] = index.sides; // outcomes of the first agent
const episodes = [...document.getElementsByClassName("episode-data")]; // those of the first agent come first
let position = 0; // position of the open episode in `outcomes`
let sides = [];

const commands = {
  seek,
  choose: chooseAll,
  select: (name) => sides.forEach((side) => side.select(name)),
  zoom: zoomAll,
};

// An episode is read when it is opened, so that a page of many opens as quickly as a page of one.
function readEpisode(side, k) {
  return JSON.parse(episodes[side * outcomes.length + k].textContent);
}

export function openEpisode(k) {
  pause();
  for (const side of sides) side.end();
  position = k;
  const extent = Math.max(...index.sides.map((each) => each[k].steps));
  const facts = index.sides.length === 1 ? byId("facts") : null;
  sides = index.sides.map((_, side) => {
    const root = byId("sides").children[side];
    root.append(byId("side").content.cloneNode(true));
    return makeSide(root, readEpisode(side, k), { extent, facts, commands });
  });
  setSteps(extent);
  byId("episode").value = k;
  markHighlights();
  go(clock.step);
}

export function openNumber(number) {
  const k = outcomes.findIndex((outcome) => outcome.number === number);
  if (k >= 0 && k !== position) openEpisode(k);
}

export function openNext(by) {
  const k = position + by;
  if (k >= 0 && k < outcomes.length) openEpisode(k);
}

export function showStep(step) {
  const actions = sides.map((side) => side.describe(step)).join("; ");
  byId("scrubber").value = step;
  byId("scrubber").setAttribute("aria-valuetext", `step ${step} of ${clock.steps - 1}, ${actions}`);
  byId("clock").textContent = `step ${step} / ${clock.steps - 1}`;
  byId("link").href = addressOf(outcomes.length > 1 ? outcomes[position].number : null, step);
  for (const side of sides) side.show(step);
}

function allHighlights() {
  return sides.flatMap((side) => side.highlights);
}

// Marks above the scrubber. The keyboard reaches the same steps by `[` and `]`, and by the list in words.
function markHighlights() {
  byId("highlight-marks").replaceChildren(...allHighlights().map(({ step, text }) => {
    const mark = element("button", "highlight-mark");
    mark.type = "button";
    mark.tabIndex = -1;
    mark.title = `step ${step}: ${text}`;
    mark.setAttribute("aria-hidden", "true");
    mark.style.left = `${(step / Math.max(1, clock.steps - 1)) * 100}%`;
    mark.addEventListener("click", () => seek(step));
    return mark;
  }));
}

// Goes to the next highlight for `by` 1, to the previous for -1.
export function toHighlight(by) {
  const steps = allHighlights().map(({ step }) => step).sort((a, b) => by * (a - b));
  const next = steps.find((step) => by * (step - clock.step) > 0);
  if (next !== undefined) seek(next);
}

// The view after the chosen view of the first side, on all sides that have it.
export function chooseNext(by) {
  const name = sides[0].viewAfter(by);
  if (name !== undefined) chooseAll(name);
}

function chooseAll(name) {
  for (const side of sides) side.choose(name);
}

export function zoomAll(factor) {
  for (const side of sides) side.zoom(factor);
}

export function recolorAll() {
  for (const side of sides) side.recolor();
}
