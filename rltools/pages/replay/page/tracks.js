// Plots over the episode, one above the other on one time axis, each with a line at the step that is shown.

import { css } from "./colors.js";
import { element } from "./document.js";
import { brief } from "./numbers.js";
import { hideTip, showTip } from "./tip.js";

const RIGHT = 10; // pixels beside a plot
const EDGE = 6; // pixels above and below a plot with numbers at its side
const FONT = "11px rltools, system-ui, sans-serif";
const INCREMENTS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((power) => [power, 2 * power, 5 * power]);

// `seek(step)` and `zoom(factor)` are called for what the pointer does; `gutter()` is the width of the labels.
export function makeTracks(host, span, { seek, zoom, gutter }) {
  const tracks = [];
  const times = Float64Array.from({ length: span.extent }, (_, step) => step);

  // `lines` are series of uPlot; a `plain` plot has no numbers at its side. `paint(plot)` fills the background. `tip(step, y)` returns the lines of the label
  // beside the pointer, for `y` from 0 at the top to 1.
  function add({ key, title, label = title, lines = [], range = null, axis = false, paint = null, tip = null, plain = false }) {
    const box = element("div", `track ${key}`);
    const head = element("div", "track-head");
    const name = element("h3", "name", title);
    const now = element("p", "present");
    const detail = element("p", "detail");
    const extra = element("div", "extra");
    head.append(name, now, detail, extra);
    const plotHost = element("div", "plot");
    box.append(head, plotHost);
    host.append(box);
    const numbered = lines.length > 0 && !plain;
    const plot = new uPlot({
      width: 400,
      height: 40,
      padding: [numbered ? EDGE : 0, RIGHT, numbered ? EDGE : 0, 0], // half a line of text
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [span.start - 0.5, span.end - 0.5] },
        y: { range: range ?? ((_, low, high) => padded(low, high)) },
      },
      axes: [xAxis(axis), yAxis(numbered, gutter)],
      series: [{}, ...(lines.length ? lines : [{ show: false }])],
      hooks: { drawAxes: paint ? [paint] : [] },
    }, [times, ...(lines.length ? lines.map(() => new Array(span.extent).fill(null)) : [times])], plotHost);
    const canvas = plotHost.querySelector("canvas");
    if (axis) canvas.setAttribute("aria-hidden", "true");
    else {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${label} over the episode`);
    }
    const mark = element("div", "mark");
    const ghost = element("div", "ghost");
    ghost.hidden = true;
    plot.over.append(ghost, mark);
    const setLines = (columns) => plot.setData([times, ...columns]);
    const describe = (text) => canvas.setAttribute("aria-label", text);
    const track = { key, box, head, host: plotHost, name, detail, now, extra, plot, mark, ghost, tip, setLines, describe };
    tracks.push(track);
    listen(track);
    return track;
  }

  function markStep(step) {
    const left = span.place(step);
    for (const { mark } of tracks) {
      mark.style.left = `${left}%`;
      mark.hidden = left < 0 || left > 100;
    }
  }

  // A dashed line at the step under the pointer; null hides it.
  function hover(step) {
    for (const { ghost } of tracks) {
      ghost.hidden = step === null;
      if (step === null) continue;
      ghost.style.left = `${span.place(step)}%`;
      ghost.dataset.step = step;
    }
  }

  function leave() {
    hover(null);
    hideTip();
  }

  // A click goes to a step and a drag scrubs; with shift, a drag selects what to zoom into.
  function listen({ plot: { over }, tip }) {
    const share = (event) => {
      const box = over.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    const stepUnder = (event) => span.stepAt(share(event)[0]);
    let selectedFrom = null;
    over.addEventListener("pointerdown", (event) => {
      over.setPointerCapture(event.pointerId);
      const step = stepUnder(event);
      selectedFrom = event.shiftKey ? step : null;
      if (selectedFrom === null) seek(step);
    });
    over.addEventListener("pointermove", (event) => {
      const [x, y] = share(event);
      const step = span.stepAt(x);
      if (event.buttons & 1 && selectedFrom === null) seek(step);
      hover(step);
      showTip(event.clientX, event.clientY, [["step", String(step)], ...(tip?.(step, y) ?? [])]);
    });
    over.addEventListener("pointerup", (event) => {
      const step = stepUnder(event);
      const selected = selectedFrom !== null && step !== selectedFrom;
      if (selected) span.show(Math.min(step, selectedFrom), Math.max(step, selectedFrom) + 1);
      selectedFrom = null;
    });
    over.addEventListener("pointerleave", leave);
    over.addEventListener("dblclick", () => zoom(0));
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      span.zoom(Math.exp(-event.deltaY / 200), stepUnder(event));
    }, { passive: false });
  }

  function showSpan() {
    leave();
    for (const { plot } of tracks) plot.setScale("x", { min: span.start - 0.5, max: span.end - 0.5 });
  }

  // Gives each visible track the height that `heightOf(track)` returns, and all of them a width.
  function fit(width, heightOf) {
    for (const track of tracks) {
      if (track.box.hidden) continue;
      const height = Math.max(8, Math.round(heightOf(track)));
      track.plot.setSize({ width: Math.max(200, Math.floor(width)), height });
    }
  }

  function repaint() {
    for (const { plot } of tracks) plot.redraw(false, true);
  }

  function destroy() {
    for (const { plot } of tracks) plot.destroy();
    host.replaceChildren();
  }

  span.onChange(showSpan);
  return { tracks, add, markStep, leave, fit, repaint, destroy };
}

function xAxis(visible) {
  const plain = { incrs: INCREMENTS, stroke: () => css("--muted"), font: FONT, space: 60 };
  const grid = { stroke: () => css("--grid"), width: 1 };
  if (!visible) return { ...plain, grid, ticks: { show: false }, size: 0, values: (_, splits) => splits.map(() => "") };
  const ticks = { stroke: () => css("--line"), size: 4, width: 1 };
  return { ...plain, grid: { show: false }, ticks, size: 20, gap: 2, values: (_, splits) => splits.map(String) };
}

function yAxis(visible, gutter) {
  const size = () => gutter();
  if (!visible) return { size, ticks: { show: false }, grid: { show: false }, splits: () => [], values: () => [] };
  return {
    size,
    gap: 6,
    font: FONT,
    space: 16,
    stroke: () => css("--muted"),
    grid: { stroke: () => css("--grid"), width: 1 },
    ticks: { show: false },
    // The ends and, where zero is between them, zero: what a low plot has room for.
    splits: (plot, _, low, high) => endsOf(plot, low, high),
    values: (_, splits) => splits.map(brief),
  };
}

function endsOf({ height }, low, high) {
  const margin = ((high - low) / (2 * PAD + 1)) * PAD;
  const ends = [low + margin, high - margin].map((end) => (Math.abs(end) < 1e-6 * (high - low) ? 0 : Number(end.toPrecision(3))));
  const middle = low < 0 && high > 0 && Math.min(-low, high) > 0.3 * (high - low) && height > 40;
  return middle ? [ends[0], 0, ends[1]] : ends;
}

const PAD = 0.06; // of the range, above and below

export function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const size = high - low || Math.abs(high) || 1;
  return [low - PAD * size, high + PAD * size];
}

// A series of uPlot; `steps` draws what holds for a step as a step. `color` is a property of the style sheet.
export function line(color, width, { dash, steps } = {}) {
  return { stroke: () => (color.startsWith("--") ? css(color) : color), width, dash, points: { show: false }, ...(steps ? { paths: stepped } : {}) };
}

// A level from half a step before to half a step after each step.
function stepped(plot, index, first, last) {
  const stroke = new Path2D();
  const values = plot.data[index];
  const scale = plot.series[index].scale ?? "y";
  let drawn = false;
  for (let k = first; k <= last; k++) {
    const value = values[k];
    if (value === null || value === undefined) {
      drawn = false;
      continue;
    }
    const y = plot.valToPos(value, scale, true);
    const [left, right] = [-0.5, 0.5].map((half) => plot.valToPos(plot.data[0][k] + half, "x", true));
    if (drawn) stroke.lineTo(left, y);
    else stroke.moveTo(left, y);
    stroke.lineTo(right, y);
    drawn = true;
  }
  return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 1 };
}
