// Everything the keyboard does, and the list of it.

const KEYS = [
  ["space", "play or pause"],
  ["← →", "one step; with shift ten"],
  ["home end", "first and last step"],
  ["[ ]", "the moment worth a look before and after"],
  ["m", "the next explained score or method; with shift the one before"],
  ["n p", "the next and the previous episode, where there are several"],
  ["< >", "slower and faster"],
  ["+ − 0", "zoom in, out, and to the whole episode"],
  ["d", "dark or light"],
  ["?", "this list"],
];

function makeKeys() {
  for (const [keys, does] of KEYS) {
    const entry = element("div", "fact");
    const term = element("dt");
    for (const key of keys.split(" ")) term.append(element("kbd", "", key));
    entry.append(term, element("dd", "", does));
    byId("keys").append(entry);
  }
  byId("ask").addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || byId("help").open || event.target.closest("select")) return;
  const far = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowLeft: () => seek(clock.step - far),
    ArrowRight: () => seek(clock.step + far),
    Home: () => seek(0),
    End: () => seek(clock.steps - 1),
    "[": () => toMoment(-1),
    "]": () => toMoment(1),
    m: () => following(1),
    M: () => following(-1),
    n: () => openBy(1),
    p: () => openBy(-1),
    "<": () => paceBy(-1),
    ">": () => paceBy(1),
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
