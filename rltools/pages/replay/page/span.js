// Which part of the episode the plots show: all of it, or what was zoomed into.

// Side by side both have the time of the longer one, so that a step is at one place in both.
const EXTENT = Math.max(STEPS, hub.extent);
const span = { from: 0, to: EXTENT };
const SHORTEST = 8; // steps

// Where the middle of a step is, in percent of a plot's width; beyond 0 and 100 where it is not shown.
function place(step) {
  return ((step + 0.5 - span.from) / (span.to - span.from)) * 100;
}

function stepAt(share) {
  return Math.max(0, Math.min(STEPS - 1, Math.floor(span.from + share * (span.to - span.from))));
}

// The steps `[from, to)` behind column `x` of so many columns of pixels: at least one, none after the end.
function stepsBehind(x, columns) {
  const width = span.to - span.from;
  const from = span.from + Math.floor((x / columns) * width);
  return [from, Math.min(STEPS, Math.max(from + 1, span.from + Math.floor(((x + 1) / columns) * width)))];
}

function showSpan(from, to) {
  const width = Math.min(EXTENT, Math.max(SHORTEST, Math.round(to - from)));
  span.from = Math.max(0, Math.min(EXTENT - width, Math.round(from)));
  span.to = span.from + width;
  for (const { plot } of tracks) plot.setScale("x", { min: span.from - 0.5, max: span.to - 0.5 });
  $("whole").disabled = $("farther").disabled = width === EXTENT;
  $("closer").disabled = width <= SHORTEST;
  markStep(shown.step);
  placeFound();
}

// Closer by a factor around a step, which stays where it is; farther by one below 1; all of it by 0.
function zoom(factor, around = shown.step) {
  if (factor === 0) return showSpan(0, EXTENT);
  const width = Math.min(EXTENT, Math.max(SHORTEST, (span.to - span.from) / factor));
  const share = Math.max(0, Math.min(1, place(around) / 100));
  showSpan(around + 0.5 - share * width, around + 0.5 + (1 - share) * width);
}

// A step that is not in sight any more turns the page.
function follow(step) {
  if (step >= span.from && step < span.to) return;
  const width = span.to - span.from;
  const from = step < span.from ? step - width * 0.9 : step - width * 0.1;
  showSpan(from, from + width);
}

function makeZoom() {
  $("closer").addEventListener("click", () => hub.zoom(2));
  $("farther").addEventListener("click", () => hub.zoom(0.5));
  $("whole").addEventListener("click", () => hub.zoom(0));
  $("whole").disabled = $("farther").disabled = true;
  $("closer").disabled = EXTENT <= SHORTEST;
}
