// Which step is shown, by hand and by the clock.

const player = { step: 0, playing: false, pace: 1, seen: 0, owed: 0, show: () => {} };

function makePlayer(show) {
  player.show = show;
  $("scrubber").max = STEPS - 1;
  $("scrubber").addEventListener("input", () => seek(Number($("scrubber").value)));
  $("play").addEventListener("click", (event) => {
    toggle();
    if (event.detail > 0) $("play").blur();
  });
  const rate = `${brief(page.speed)} steps/s${page.speed_known ? "" : ", assumed"}`;
  choice($("speed"), ["real speed", "slow"], (slow) => { player.pace = slow ? 0.2 : 1; });
  $("speed").firstElementChild.title = rate;
  $("speed").lastElementChild.title = "a fifth of it";
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => seek(addressed() ?? player.step));
}

// The step in the page's address.
function addressed() {
  const found = /^#step=(\d{1,9})$/.exec(location.hash);
  return found ? Number(found[1]) : null;
}

function go(step) {
  player.step = Math.max(0, Math.min(STEPS - 1, step));
  player.show(player.step);
}

function seek(step) {
  pause();
  go(step);
}

function toggle() {
  if (player.playing) pause();
  else play();
}

function play() {
  if (player.step >= STEPS - 1) go(0);
  player.playing = true;
  player.owed = 0;
  player.seen = performance.now();
  buttonSays("Pause");
  requestAnimationFrame(tick);
}

function pause() {
  if (!player.playing) return;
  player.playing = false;
  buttonSays("Play");
}

function buttonSays(text) {
  $("play").setAttribute("aria-label", text);
  $("play").classList.toggle("playing", player.playing);
}

function tick(time) {
  if (!player.playing) return;
  // A tab that was in the background owes no more than a moment.
  player.owed += (Math.min(Math.max(time - player.seen, 0), 250) / 1000) * page.speed * player.pace;
  player.seen = time;
  const whole = Math.floor(player.owed);
  if (whole > 0) {
    player.owed -= whole;
    go(player.step + whole);
    if (player.step >= STEPS - 1) return pause();
  }
  requestAnimationFrame(tick);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select")) return;
  const far = event.shiftKey ? 10 : 1;
  const moves = { ArrowLeft: player.step - far, ArrowRight: player.step + far, Home: 0, End: STEPS - 1 };
  if (event.key in moves) seek(moves[event.key]);
  else if (event.key === " " && !event.target.closest("button, a, input[type=checkbox]")) toggle();
  else return;
  event.preventDefault();
}
