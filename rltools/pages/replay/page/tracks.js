// Plots over the episode, one above the other on one time axis, each with a line at the step that is shown.

import { css } from "./colors.js";
import { isLong } from "./crowd.js";
import { element } from "./document.js";
import { brief } from "./numbers.js";
import { hideTip, showTip } from "./tip.js";

const RIGHT = 14; // pixels beside a plot
const FONT = "11px rltools, system-ui, sans-serif";
const INCREMENTS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((power) => [power, 2 * power, 5 * power]);

export function makeTracks({ $, data, commands }, span) {
  const { steps } = data;
  const tracks = [];
  const longNames = data.names.some(isLong);

  function gutter() {
    return $("tracks").clientWidth < 640 ? 96 : longNames ? 240 : 208;
  }

  function widthOf(host) {
    return Math.max(host.clientWidth, 200);
  }

  // `paint(plot)` fills the background. `tip(step, y)` returns the lines of the label beside the pointer, for `y` from
  // 0 at the top to 1.
  function add({ title, height, lines = [], range = null, axis = false, paint = null, tip = () => [] }) {
    const box = element("div", "track");
    const head = element("div", "track-head");
    const name = element("h3", "name", title);
    const detail = element("p", "detail");
    const now = element("p", "present");
    const extra = element("div", "extra");
    head.append(name, detail, now, extra);
    const host = element("div", "plot");
    box.append(head, host);
    $("tracks").append(box);
    const fullHeight = height + (axis ? 24 : 8);
    const times = Float64Array.from({ length: steps }, (_, step) => step);
    const plot = new uPlot({
      width: widthOf(host),
      height: fullHeight,
      padding: [6, RIGHT, axis ? 0 : 6, 0], // half a line of text above and below
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [span.start - 0.5, span.end - 0.5] },
        y: { range: range ?? ((_, low, high) => padded(low, high)) },
      },
      axes: [xAxis(axis), yAxis(lines.length > 0, gutter)],
      series: [{}, ...(lines.length ? lines : [{ show: false }])],
      hooks: { drawAxes: paint ? [paint] : [] },
    }, [times, ...(lines.length ? lines.map(() => new Array(steps).fill(null)) : [times])], host);
    const mark = element("div", "mark");
    const ghost = element("div", "ghost");
    ghost.hidden = true;
    plot.over.append(ghost, mark);
    const setLines = (columns) => plot.setData([times, ...columns]);
    const track = { box, host, name, detail, now, extra, plot, fullHeight, mark, ghost, tip, setLines };
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
      if (step !== null) {
        ghost.style.left = `${span.place(step)}%`;
        ghost.dataset.step = step;
      }
    }
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
      if (selectedFrom === null) commands.seek(step);
    });
    over.addEventListener("pointermove", (event) => {
      const [x, y] = share(event);
      const step = span.stepAt(x);
      if (event.buttons & 1 && selectedFrom === null) commands.seek(step);
      hover(step);
      showTip(event.clientX, event.clientY, [["step", String(step)], ...tip(step, y)]);
    });
    over.addEventListener("pointerup", (event) => {
      const step = stepUnder(event);
      const selected = selectedFrom !== null && step !== selectedFrom;
      if (selected) span.show(Math.min(step, selectedFrom), Math.max(step, selectedFrom) + 1);
      selectedFrom = null;
    });
    over.addEventListener("pointerleave", () => {
      hover(null);
      hideTip();
    });
    over.addEventListener("dblclick", () => commands.zoom(0));
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      span.zoom(Math.exp(-event.deltaY / 200), stepUnder(event));
    }, { passive: false });
  }

  function showSpan() {
    for (const { plot } of tracks) plot.setScale("x", { min: span.start - 0.5, max: span.end - 0.5 });
  }

  function fit() {
    for (const { plot, host, fullHeight } of tracks) plot.setSize({ width: widthOf(host), height: fullHeight });
  }

  function repaint() {
    for (const { plot } of tracks) plot.redraw(false, true);
  }

  function destroy() {
    for (const { plot } of tracks) plot.destroy();
  }

  span.onChange(showSpan);
  return { add, markStep, fit, repaint, destroy };
}

function xAxis(visible) {
  const plain = { incrs: INCREMENTS, stroke: () => css("--muted"), font: FONT, space: 60 };
  const grid = { stroke: () => css("--rule"), width: 1 };
  if (!visible) return { ...plain, grid, ticks: { show: false }, size: 2, values: (_, splits) => splits.map(() => "") };
  const ticks = { stroke: () => css("--rule"), size: 4, width: 1 };
  return { ...plain, grid, ticks, size: 24, gap: 3, values: (_, splits) => splits.map(String) };
}

function yAxis(visible, size) {
  return {
    stroke: () => css("--muted"),
    font: FONT,
    size,
    gap: 6,
    space: 20,
    grid: { show: visible, stroke: () => css("--rule"), width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (visible ? brief(value) : "")),
  };
}

// The positions of points without neighbors, which no line would show; null if there are none.
function lonely(plot, series) {
  const values = plot.data[series];
  const positions = [];
  for (let k = 0; k < values.length; k++) {
    if (values[k] !== null && (values[k - 1] ?? null) === null && (values[k + 1] ?? null) === null) positions.push(k);
  }
  return positions.length ? positions : null;
}

// A line of a plot; a color that is the name of a CSS variable follows the theme.
export function line(color, width, dash) {
  const stroke = () => (color.startsWith("--") ? css(color) : color);
  return { stroke, width, dash, points: { show: () => false, filter: lonely, size: 2 * width + 3, fill: stroke } };
}

// The range of an axis, with some room above and below the values.
export function padded(low, high) {
  if (low === null || high === null) return [-1, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}
