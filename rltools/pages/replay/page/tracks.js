// Plots over the episode, one above the other on one time axis, with a line at the shown step in each of them.

const RIGHT = 14;
const tracks = [];

function gutter() {
  return $("tracks").clientWidth < 640 ? 96 : longNames ? 240 : 208;
}

function increments() {
  return [1, 2, 5].flatMap((digit) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((ten) => digit * ten)).sort((a, b) => a - b);
}

function xAxis(shown) {
  const plain = { incrs: increments(), stroke: () => css("--muted"), font: "11px system-ui, sans-serif", space: 60 };
  const grid = { stroke: () => css("--rule"), width: 1 };
  if (!shown) return { ...plain, grid, ticks: { show: false }, size: 2, values: (_, splits) => splits.map(() => "") };
  return { ...plain, grid, ticks: { stroke: () => css("--rule"), size: 4, width: 1 }, size: 24, gap: 3, values: (_, splits) => splits.map((t) => `${t}`) };
}

function yAxis(shown) {
  return {
    stroke: () => css("--muted"),
    font: "11px system-ui, sans-serif",
    size: gutter,
    gap: 6,
    space: 20,
    grid: { show: shown, stroke: () => css("--rule"), width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (shown ? brief(value) : "")),
  };
}

// A point of its own is no line: show those that have a gap on either side.
function lonely(u, series, show) {
  const values = u.data[series];
  const found = [];
  for (let t = 0; t < values.length; t++) {
    if (values[t] !== null && (values[t - 1] ?? null) === null && (values[t + 1] ?? null) === null) found.push(t);
  }
  return found.length ? found : null;
}

function line(colour, width, dash) {
  const stroke = () => (colour.startsWith("--") ? css(colour) : colour);
  return { stroke, width, dash, points: { show: () => false, filter: lonely, size: 2 * width + 3, fill: stroke } };
}

// `paint(plot)` fills the ground; `tip(step, y)` says what is at a place, `y` from 0 at the top to 1.
function makeTrack({ title, height, lines = [], range = null, axis = false, paint = null, tip = () => [] }) {
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
  const full = height + (axis ? 24 : 8);
  const times = Float64Array.from({ length: STEPS }, (_, t) => t);
  const plot = new uPlot({
    width: Math.max(host.clientWidth, 200),
    height: full,
    padding: [6, RIGHT, axis ? 0 : 6, 0], // half a line of text above and beneath
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false, range: () => [span.from - 0.5, span.to - 0.5] }, y: { range: range ?? ((_, low, high) => around(low, high)) } },
    axes: [xAxis(axis), yAxis(lines.length > 0)],
    series: [{}, ...(lines.length ? lines : [{ show: false }])],
    hooks: { drawAxes: paint ? [paint] : [] },
  }, [times, ...(!lines.length ? [times] : lines.map(() => new Array(STEPS).fill(null)))], host);
  const mark = element("div", "mark");
  const ghost = element("div", "ghost");
  ghost.hidden = true;
  plot.over.append(ghost, mark);
  const track = { box, host, name, detail, now, extra, plot, full, mark, ghost, times, tip };
  tracks.push(track);
  return track;
}

function around(low, high) {
  if (low === null || high === null) return [-1, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

function setLines(track, columns) {
  track.plot.setData([track.times, ...columns]);
}

function markStep(step) {
  const left = place(step);
  for (const { mark } of tracks) {
    mark.style.left = `${left}%`;
    mark.hidden = left < 0 || left > 100;
  }
}

function hover(step) {
  for (const { ghost } of tracks) {
    ghost.hidden = step === null;
    if (step !== null) {
      ghost.style.left = `${place(step)}%`;
      ghost.dataset.step = step;
    }
  }
}

function fitTracks() {
  for (const { plot, host, full } of tracks) plot.setSize({ width: Math.max(host.clientWidth, 200), height: full });
}

function repaintTracks() {
  for (const { plot } of tracks) plot.redraw(false, true);
}

// A press goes to a step, a drag scrubs, with shift it marks out what to zoom into.
function listenToTracks() {
  for (const { plot: { over }, tip } of tracks) {
    const at = (event) => {
      const box = over.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    let marked = null;
    over.addEventListener("pointerdown", (event) => {
      over.setPointerCapture(event.pointerId);
      const step = stepAt(at(event)[0]);
      marked = event.shiftKey ? step : null;
      if (marked === null) hub.seek(step);
    });
    over.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      const step = stepAt(x);
      if (event.buttons & 1 && marked === null) hub.seek(step);
      hover(step);
      showTip(event.clientX, event.clientY, [["step", String(step)], ...tip(step, y)]);
    });
    over.addEventListener("pointerup", (event) => {
      const step = stepAt(at(event)[0]);
      if (marked !== null && step !== marked) showSpan(Math.min(step, marked), Math.max(step, marked) + 1);
      marked = null;
    });
    over.addEventListener("pointerleave", () => {
      hover(null);
      hideTip();
    });
    over.addEventListener("dblclick", () => hub.zoom(0));
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 200), stepAt(at(event)[0]));
    }, { passive: false });
  }
}
