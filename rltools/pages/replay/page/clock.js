// Which step is shown, by hand and by the clock; all sides of the page are at the same one.

const PACES = [0.25, 0.5, 1, 2, 4];
const clock = { step: 0, steps: 0, playing: false, pace: 1, seen: 0, owed: 0 };

function makeClock() {
  byId("scrubber").addEventListener("input", () => seek(Number(byId("scrubber").value)));
  byId("play").addEventListener("click", (event) => {
    toggle();
    if (event.detail > 0) byId("play").blur();
  });
  choice(byId("speed"), PACES.map((pace) => (pace < 1 ? `1/${1 / pace}` : `${pace}×`)), (at) => { clock.pace = PACES[at]; }, PACES.indexOf(1));
}

function paceBy(by) {
  const at = PACES.indexOf(clock.pace) + by;
  if (at >= 0 && at < PACES.length) byId("speed").children[at].click();
}

function go(step) {
  if (clock.steps === 0) return;
  clock.step = Math.max(0, Math.min(clock.steps - 1, step));
  showAll(clock.step);
}

function seek(step) {
  pause();
  go(step);
}

function toggle() {
  if (clock.playing) pause();
  else if (clock.steps) play();
}

function play() {
  if (clock.step >= clock.steps - 1) go(0);
  clock.playing = true;
  clock.owed = 0;
  clock.seen = performance.now();
  buttonSays("Pause");
  requestAnimationFrame(tick);
}

function pause() {
  if (!clock.playing) return;
  clock.playing = false;
  buttonSays("Play");
}

function buttonSays(text) {
  byId("play").setAttribute("aria-label", text);
  byId("play").classList.toggle("playing", clock.playing);
}

function tick(time) {
  if (!clock.playing) return;
  // A tab that was in the background owes no more than a moment.
  clock.owed += (Math.min(Math.max(time - clock.seen, 0), 250) / 1000) * index.speed * clock.pace;
  clock.seen = time;
  const whole = Math.floor(clock.owed);
  if (whole > 0) {
    clock.owed -= whole;
    go(clock.step + whole);
    if (clock.step >= clock.steps - 1) return pause();
  }
  requestAnimationFrame(tick);
}
