// The span of the episode that the plots show: all of it, or the part that was zoomed into.

import { byId } from "./document.js";

const SHORTEST = 8; // steps

// `extent` is the length of the longer side, so that a step stands at the same place on both.
export function makeSpan(extent) {
  const listeners = [];
  const span = { start: 0, end: extent, extent, place, stepAt, stepsBehind, show, zoom, follow, onChange };
  let current = 0;

  // Where the middle of a step is, in percent of a plot's width; below 0 or above 100 if it is out of sight.
  function place(step) {
    return ((step + 0.5 - span.start) / (span.end - span.start)) * 100;
  }

  // The step at a share of a plot's width, from 0 at the left to 1.
  function stepAt(share) {
    return Math.max(0, Math.min(extent - 1, Math.floor(span.start + share * (span.end - span.start))));
  }

  // The steps `[first, end)` of `steps` behind column `x` of `columns` pixels; at least one, unless they are over.
  function stepsBehind(x, columns, steps) {
    const width = span.end - span.start;
    const first = span.start + Math.floor((x / columns) * width);
    const end = span.start + Math.floor(((x + 1) / columns) * width);
    return [first, Math.min(steps, Math.max(first + 1, end))];
  }

  function show(start, end) {
    const width = Math.min(extent, Math.max(SHORTEST, Math.round(end - start)));
    span.start = Math.max(0, Math.min(extent - width, Math.round(start)));
    span.end = span.start + width;
    showButtons();
    for (const listener of listeners) listener();
  }

  function showButtons() {
    const width = span.end - span.start;
    byId("whole").disabled = byId("farther").disabled = width === extent;
    byId("closer").disabled = width <= SHORTEST;
  }

  function onChange(listener) {
    listeners.push(listener);
  }

  // A factor above 1 zooms in around a step, which keeps its place; below 1 zooms out; 0 shows the whole episode.
  function zoom(factor, center = current) {
    if (factor === 0) return show(0, extent);
    const width = Math.min(extent, Math.max(SHORTEST, (span.end - span.start) / factor));
    const share = Math.max(0, Math.min(1, place(center) / 100));
    show(center + 0.5 - share * width, center + 0.5 + (1 - share) * width);
  }

  // Brings a step back into sight: a little before it when going forward, a little after it when going back.
  function follow(step) {
    current = step;
    if (step >= span.start && step < span.end) return;
    const width = span.end - span.start;
    const start = step < span.start ? step - width * 0.9 : step - width * 0.1;
    show(start, start + width);
  }

  showButtons();
  return span;
}
