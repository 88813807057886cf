// Everything the keyboard and the mouse do, and the list of it.

import { changePace, clock, seek, toggle } from "./clock.js";
import { byId, element } from "./document.js";
import { chooseNext, leavePlots, openNext, selectNext, toHighlight, zoomAll } from "./sides.js";

const KEYS = [
  ["space", "play or pause"],
  ["← →", "one step; with shift ten"],
  ["home end", "first and last step"],
  ["[ ]", "previous and next moment worth a look"],
  ["j k", "next and previous feature; also ↓ ↑ in the bars"],
  ["m", "next explained score or method; with shift the previous"],
  ["n p", "next and previous episode, if there are several"],
  ["< >", "slower and faster"],
  ["+ − 0", "zoom in, out, and to the whole episode"],
  ["f", "full screen"],
  ["d", "dark or light"],
  ["c", "copy the address of this moment"],
  ["i", "how this was made"],
  ["?", "this list"],
];
const MOUSE = [
  ["click", "in a plot: go to that step; on a row, its name or a region: select it"],
  ["drag", "in a plot: scrub; with shift: zoom to that span"],
  ["wheel", "with ctrl, in a plot: zoom around the pointer"],
  ["double click", "in a plot: zoom to the whole episode"],
  ["hover", "numbers of what is below the pointer, and what else is of the same feature"],
];

export function makeKeys() {
  for (const [list, pairs] of [["keys", KEYS], ["mouse", MOUSE]]) {
    for (const [keys, text] of pairs) {
      const pair = element("div", "fact");
      const term = element("dt");
      for (const key of list === "keys" ? keys.split(" ") : [keys]) term.append(element("kbd", "", key));
      pair.append(term, element("dd", "", text));
      byId(list).append(pair);
    }
  }
  for (const [button, dialog] of [["show-keys", "help"], ["show-about", "about"]]) {
    byId(button).addEventListener("click", () => byId(dialog).showModal());
  }
  document.addEventListener("keydown", onKey);
  // After a click, the space bar goes back to play and pause.
  document.addEventListener("click", (event) => {
    if (event.detail > 0) event.target.closest("button")?.blur();
  });
}

function onKey(event) {
  const { target } = event;
  if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]") || target.closest("select")) return;
  const stride = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowLeft: () => seek(clock.step - stride),
    ArrowRight: () => seek(clock.step + stride),
    Home: () => seek(0),
    End: () => seek(clock.steps - 1),
    "[": () => toHighlight(-1),
    "]": () => toHighlight(1),
    j: () => selectNext(1),
    k: () => selectNext(-1),
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
    f: () => byId("fullscreen").click(),
    d: () => byId("theme").click(),
    c: () => byId("copy").click(),
    i: () => byId("about").showModal(),
    "?": () => byId("help").showModal(),
  };
  if (Object.hasOwn(actions, event.key)) actions[event.key]();
  else if (event.key === " " && !target.closest("button, input[type=checkbox]")) toggle();
  else return;
  leavePlots();
  event.preventDefault();
}
