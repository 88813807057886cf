// The heatmap: the attributions of all features over the whole episode, as colors. Two agents have paired rows.

import { attributionColor, css, missingPattern } from "./colors.js";
import { isLong, largestFeatures } from "./crowd.js";
import { clipped, element, named } from "./document.js";
import { magnitudes } from "./views.js";
import { attributionText, valueLines } from "./words.js";

export const LEAST_ROW = 11; // pixels of a row whose name can be read

// The rows are the features of the first side; another agent may not have some of them. `select(f)` and `point(f)` as for bars.
export function makeHeat(sides, span, tracks, { select, point }) {
  const [{ data }] = sides;
  const { count, names, noun } = data;
  const places = sides.map((side) => names.map((name) => side.data.names.indexOf(name))); // of each row in each side's data
  const canvas = document.createElement("canvas"); // one pixel for each cell, drawn large
  const track = tracks.add({ key: "heat", title: "", label: "Attributions", paint, tip });
  const labels = element("div", "labels");
  labels.setAttribute("aria-hidden", "true"); // the bars and the list of features have the same names
  labels.classList.toggle("long", names.some(isLong));
  track.host.append(labels);
  track.head.hidden = true;
  track.plot.over.addEventListener("pointermove", (event) => point(featureAt(event)));
  track.plot.over.addEventListener("pointerleave", () => point(-1));
  let views = [];
  let features = [];
  let sizes = new Float64Array(count);
  let marked = [-1, -1];

  // The views of the sides; null for a side on which nothing is explained.
  function show(newViews) {
    views = newViews;
    sizes = new Float64Array(count);
    views.forEach((view, k) => {
      if (!view) return;
      const of = magnitudes(view, sides[k].data.count);
      const largest = Math.max(...of) || 1;
      places[k].forEach((place, f) => { sizes[f] = Math.max(sizes[f], (of[place] ?? 0) / (sides.length > 1 ? largest : 1)); });
    });
    const explained = views.filter(Boolean);
    const unit = [...new Set(explained.map((view) => view.unit))].join(" and ");
    const leading = largestFeatures(sizes, 3).sort((a, b) => sizes[b] - sizes[a]).map((f) => names[f]);
    track.describe(`Attribution of ${count} ${noun} over the episode, ${unit}; largest: ${leading.join(", ")}`);
  }

  // As many rows as are readable in a height, or all in rows that may be thin; returns how many there are.
  function setRows(most, kept) {
    features = largestFeatures(sizes, most, kept);
    const readable = features.length <= most;
    labels.replaceChildren(...(readable ? features.map(labelOf) : []));
    mark(...marked);
    return features.length;
  }

  function setHeight(height) {
    const row = height / Math.max(1, features.length);
    labels.style.height = `${height}px`;
    labels.classList.toggle("unreadable", row < LEAST_ROW - 1);
    labels.classList.toggle("dense", row < 15);
    labels.classList.toggle("two-lines", row >= 28);
  }

  function labelOf(f) {
    const label = named("span", "label", "");
    label.title = names[f];
    label.dataset.feature = f;
    label.append(element("span", "", clipped(names[f])));
    label.addEventListener("click", () => select(f));
    label.addEventListener("pointerenter", () => point(f));
    label.addEventListener("pointerleave", () => point(-1));
    return label;
  }

  function mark(selected, pointed) {
    marked = [selected, pointed];
    for (const label of labels.children) {
      label.classList.toggle("selected", Number(label.dataset.feature) === selected);
      label.classList.toggle("pointed", Number(label.dataset.feature) === pointed);
    }
  }

  function rowAt(y) {
    return Math.max(0, Math.min(features.length - 1, Math.floor(y * features.length)));
  }

  function featureAt(event) {
    const box = track.plot.over.getBoundingClientRect();
    return features[rowAt((event.clientY - box.top) / box.height)] ?? -1;
  }

  function tip(step, y) {
    const f = features[rowAt(y)];
    if (f === undefined) return [];
    return [[names[f], ""], ...sides.flatMap((side, k) => {
      const own = side.data;
      const place = places[k][f];
      if (step >= own.steps) return [[side.short, "over"]];
      if (place < 0) return [[side.short, "does not observe it"]];
      const text = views[k] ? attributionText(own, views[k], step, place) : "nothing is explained";
      return [[sides.length > 1 ? side.short : "attribution", text], ...valueLines(own, step, place)];
    })];
  }

  function paint(plot) {
    if (!features.length) return;
    const { left, top, width, height } = plot.bbox;
    const lanes = features.length * sides.length;
    canvas.width = Math.max(1, Math.min(Math.round(width), 4000));
    canvas.height = lanes;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, lanes);
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = missingPattern(ctx);
    sides.forEach((side, k) => {
      const [, end] = [0, Math.max(0, Math.min(1, (side.data.steps - span.start) / (span.end - span.start)))];
      features.forEach((_, row) => {
        const lane = row * sides.length + k;
        ctx.fillRect(left, top + (lane / lanes) * height, width * end, height / lanes);
      });
      if (views[k]) fillCells(pixels, side, views[k], k);
    });
    context.putImageData(pixels, 0, 0);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(canvas, left, top, width, height);
    ctx.fillStyle = css("--paper");
    if (height / features.length >= 5) {
      for (let row = 1; row < features.length; row++) {
        ctx.fillRect(left, Math.round(top + (row / features.length) * height) - (sides.length > 1), width, sides.length > 1 ? 3 : 1);
      }
    }
    ctx.restore();
  }

  function fillCells(pixels, { data: { steps, count: width } }, view, k) {
    const columns = pixels.width;
    for (let x = 0; x < columns; x++) {
      const [first, end] = span.stepsBehind(x, columns, steps);
      if (first >= steps) break;
      features.forEach((f, row) => {
        const value = places[k][f] < 0 ? NaN : strongest(view, places[k][f], width, first, end);
        if (!Number.isFinite(value)) return; // what is beneath says that it is not explained
        const start = ((row * sides.length + k) * columns + x) * 4;
        const color = attributionColor(value, view.shared ?? view.robust, view.share);
        for (let channel = 0; channel < 3; channel++) pixels.data[start + channel] = color[channel];
        pixels.data[start + 3] = 255;
      });
    }
  }

  // The largest value among several steps that share a column of pixels; a step that is not explained is held.
  function strongest(view, f, width, first, end) {
    let top = NaN;
    for (let step = first; step < end; step++) {
      const source = view.held[step];
      if (source < 0) continue;
      const value = view.values[source * width + f];
      if (Number.isFinite(value) && !(Math.abs(value) <= Math.abs(top))) top = value;
    }
    return top;
  }

  return { show, setRows, setHeight, mark, track, sizes: () => sizes, rows: () => features.length };
}
