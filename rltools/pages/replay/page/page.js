// The page as a whole: one side or two, and which episode is open.

const index = JSON.parse(byId("data").textContent);
const carried = [...document.getElementsByClassName("episode-data")];
const opened = { episode: 0, sides: [] };

function byId(id) {
  return document.getElementById(id);
}

// The text of one episode; it is read when the episode is opened, so that a page of several opens as soon as one of one.
function read(side, at) {
  return JSON.parse(carried[side * index.sides[0].length + at].textContent);
}

function open(at) {
  pause();
  const before = opened.sides;
  for (const side of before) side.end();
  byId("found").replaceChildren();
  opened.episode = at;
  const extent = Math.max(...index.sides.map((outcomes) => outcomes[at].steps));
  const alone = index.sides.length === 1;
  opened.sides = index.sides.map((_, k) => {
    const root = byId("sides").children[k];
    root.append(byId("side").content.cloneNode(true));
    return makeSide(root, read(k, at), { ...hub, extent, facts: alone ? byId("facts") : null });
  });
  clock.steps = extent;
  byId("transport").hidden = clock.steps === 0;
  byId("scrubber").max = clock.steps - 1;
  byId("episode").value = at;
  markFound();
  go(before.length ? Math.min(clock.step, clock.steps - 1) : 0);
}

function openBy(by) {
  const at = opened.episode + by;
  if (at >= 0 && at < index.sides[0].length) open(at);
}

function showAll(step) {
  byId("scrubber").value = step;
  byId("scrubber").setAttribute("aria-valuetext", `step ${step} of ${clock.steps - 1}, ${opened.sides.map((side) => side.said(step)).join("; ")}`);
  byId("clock").textContent = `step ${step} / ${clock.steps - 1}`;
  byId("link").href = addressOf(step);
  for (const side of opened.sides) side.show(step);
}

// Marks above the scrubber; the keyboard reaches the same moments by `[` and `]`, and by the list in words.
function markFound() {
  for (const { step, text } of opened.sides.flatMap((side) => side.moments)) {
    const mark = element("button", "found-mark");
    mark.type = "button";
    mark.tabIndex = -1;
    mark.title = `step ${step}: ${text}`;
    mark.setAttribute("aria-hidden", "true");
    mark.style.left = `${(step / Math.max(1, clock.steps - 1)) * 100}%`;
    mark.addEventListener("click", () => seek(step));
    byId("found").append(mark);
  }
}

function toMoment(by) {
  const steps = opened.sides.flatMap((side) => side.moments.map(({ step }) => step)).sort((a, b) => by * (a - b));
  const next = steps.find((step) => by * (step - clock.step) > 0);
  if (next !== undefined) seek(next);
}

function following(by) {
  const name = opened.sides[0].following(by);
  if (name !== undefined) chooseAll(name);
}

function chooseAll(name) {
  for (const side of opened.sides) side.choose(name);
}

function zoomAll(factor, around) {
  for (const side of opened.sides) side.zoom(factor, around);
}

const hub = {
  seek,
  choose: chooseAll,
  select: (name) => opened.sides.forEach((side) => side.select(name)),
  zoom: zoomAll,
};

function episodeLabel({ number, steps, total_reward: total }) {
  return `${number}: return ${brief(total)}, ${steps} steps`;
}

function start() {
  byId("title").textContent = byId("title").title = index.title;
  fact(byId("made"), "make again", index.again);
  index.sides.forEach(() => byId("sides").append(element("article", "side")));
  byId("main").classList.toggle("pair", index.sides.length > 1);
  document.body.classList.toggle("wide", index.sides.length > 1);
  index.sides[0].forEach((outcome, at) => byId("episode").append(new Option(episodeLabel(outcome), at)));
  byId("episode-label").hidden = index.sides[0].length === 1;
  byId("episode").addEventListener("change", () => open(Number(byId("episode").value)));
  byId("speed").title = `1× is ${brief(index.speed)} steps a second${index.speed_known ? "" : ", assumed"}; < and > change it`;
  makeTheme();
  makeClock();
  makeKeys();
  open(0);
  followAddress();
  addEventListener("hashchange", followAddress);
}

start();
