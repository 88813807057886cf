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

function makeTrack({ title, height, lines = [], range = null, axis = false, paint = null }) {
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
  const full = height + (axis ? 24 : 2);
  const times = Float64Array.from({ length: STEPS }, (_, t) => t);
  const plot = new uPlot({
    width: Math.max(host.clientWidth, 200),
    height: full,
    padding: [6, RIGHT, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false, range: [-0.5, STEPS - 0.5] }, y: { range: range ?? ((_, low, high) => around(low, high)) } },
    axes: [xAxis(axis), yAxis(paint === null)],
    series: [{}, ...(paint ? [{ show: false }] : lines)],
    hooks: { drawAxes: paint ? [paint] : [] },
  }, [times, ...(paint ? [times] : lines.map(() => new Array(STEPS).fill(null)))], host);
  const mark = element("div", "mark");
  const ghost = element("div", "ghost");
  ghost.hidden = true;
  plot.over.append(ghost, mark);
  const track = { box, host, name, detail, now, extra, plot, full, mark, ghost, times };
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
  for (const { mark } of tracks) mark.style.left = `${((step + 0.5) / STEPS) * 100}%`;
}

function hover(step) {
  for (const { ghost } of tracks) {
    ghost.hidden = step === null;
    if (step !== null) {
      ghost.style.left = `${((step + 0.5) / STEPS) * 100}%`;
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

function listenToTracks(seek) {
  const stepAt = (over, event) => {
    const place = over.getBoundingClientRect();
    return Math.max(0, Math.min(STEPS - 1, Math.floor(((event.clientX - place.left) / place.width) * STEPS)));
  };
  for (const { plot: { over } } of tracks) {
    over.addEventListener("pointerdown", (event) => {
      over.setPointerCapture(event.pointerId);
      seek(stepAt(over, event));
    });
    over.addEventListener("pointermove", (event) => {
      const step = stepAt(over, event);
      if (event.buttons & 1) seek(step);
      hover(event.buttons & 1 ? null : step);
    });
    over.addEventListener("pointerleave", () => hover(null));
  }
}
