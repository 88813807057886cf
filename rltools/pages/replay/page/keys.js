// Everything the keyboard does, and the list of it.

import { changePace, clock, seek, toggle } from "./clock.js";
import { byId, element } from "./document.js";
import { chooseNext, openNext, toHighlight, zoomAll } from "./sides.js";

const KEYS = [
  ["space", "play or pause"],
  ["← →", "one step; with shift ten"],
  ["home end", "first and last step"],
  ["[ ]", "previous and next moment worth a look"],
  ["m", "next explained score or method; with shift the previous"],
  ["n p", "next and previous episode, if there are several"],
  ["< >", "slower and faster"],
  ["+ − 0", "zoom in, out, and to the whole episode"],
  ["d", "dark or light"],
  ["?", "this list"],
];

export function makeKeys() {
  for (const [keys, text] of KEYS) {
    const pair = element("div", "fact");
    const term = element("dt");
    for (const key of keys.split(" ")) term.append(element("kbd", "", key));
    pair.append(term, element("dd", "", text));
    byId("keys").append(pair);
  }
  byId("show-keys").addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || byId("help").open || event.target.closest("select")) return;
  const stride = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowLeft: () => seek(clock.step - stride),
    ArrowRight: () => seek(clock.step + stride),
    Home: () => seek(0),
    End: () => seek(clock.steps - 1),
    "[": () => toHighlight(-1),
    "]": () => toHighlight(1),
    m: () => chooseNext(1),
    M: () => chooseNext(-1),
    n: () => openNext(1),
    p: () => openNext(-1),
    "<": () => changePace(-1),
    ">": () => changePace(1),
    "+": () => zoomAll(2),
    "=": () => zoomAll(2),
    "-": () => zoomAll(0.5),
    0: () => zoomAll(0),
    d: () => byId("theme").click(),
    "?": () => byId("help").showModal(),
  };
  if (Object.hasOwn(actions, event.key)) actions[event.key]();
  else if (event.key === " " && !event.target.closest("button, a, input[type=checkbox]")) toggle();
  else return;
  event.preventDefault();
}
