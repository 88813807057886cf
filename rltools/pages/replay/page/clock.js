// Which step is shown, moved by hand or by the clock; all sides of the page are at the same step.

import { byId, choice } from "./document.js";

const PACES = [0.25, 0.5, 1, 2, 4];
export const clock = { step: 0, steps: 0, playing: false };
const playback = { speed: 1, pace: 1, time: 0, owed: 0, show: () => {} };

// `speed` is in steps per second at pace 1; `show(step)` is called whenever the step changes, or playing does.
export function startClock(speed, show) {
  playback.speed = speed;
  playback.show = show;
  byId("scrubber").addEventListener("input", () => seek(Number(byId("scrubber").value)));
  byId("play").addEventListener("click", toggle);
  const names = PACES.map((pace) => (pace < 1 ? `1/${1 / pace}` : `${pace}×`));
  choice(byId("speed"), names, (k) => { playback.pace = PACES[k]; }, PACES.indexOf(1));
}

export function setSteps(steps) {
  clock.steps = steps;
  byId("transport").hidden = steps === 0;
  byId("scrubber").max = steps - 1;
}

export function changePace(by) {
  const k = PACES.indexOf(playback.pace) + by;
  if (k >= 0 && k < PACES.length) byId("speed").children[k].click();
}

export function go(step) {
  if (clock.steps === 0) return;
  clock.step = Math.max(0, Math.min(clock.steps - 1, step));
  playback.show(clock.step);
}

export function seek(step) {
  setPlaying(false);
  go(step);
}

export function toggle() {
  if (clock.playing) pause();
  else if (clock.steps) play();
}

function play() {
  if (clock.step >= clock.steps - 1) clock.step = 0;
  setPlaying(true);
  playback.owed = 0;
  playback.time = performance.now();
  go(clock.step);
  requestAnimationFrame(tick);
}

export function pause() {
  if (!clock.playing) return;
  setPlaying(false);
  go(clock.step);
}

function setPlaying(playing) {
  clock.playing = playing;
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  byId("play").classList.toggle("playing", playing);
}

function tick(time) {
  if (!clock.playing) return;
  // A tab that was in the background does not catch up.
  const seconds = Math.min(Math.max(time - playback.time, 0), 250) / 1000;
  playback.owed += seconds * playback.speed * playback.pace;
  playback.time = time;
  const whole = Math.floor(playback.owed);
  if (whole > 0) {
    playback.owed -= whole;
    go(clock.step + whole);
    if (clock.step >= clock.steps - 1) return pause();
  }
  requestAnimationFrame(tick);
}
