// The heatmap: the attributions of all features over the whole episode, as colors.

import { attributionColor, css } from "./colors.js";
import { ALL_VISIBLE, CROWD, LARGEST, isLong, largestFeatures } from "./crowd.js";
import { clipped, element, named } from "./document.js";
import { magnitudes } from "./views.js";
import { attributionText, valueLines } from "./words.js";

const DENSE = 13; // pixels of a row
const TWO_LINES = 28;

export function makeHeat(side, span, tracks) {
  const { data, commands } = side;
  const { count, names, noun, steps } = data;
  const canvas = document.createElement("canvas"); // one pixel for each cell, drawn large
  const rowHeight = count > ALL_VISIBLE && count <= CROWD ? DENSE : names.some(isLong) ? TWO_LINES : 20;
  const trackHeight = Math.max(24, rowHeight * (count > CROWD ? LARGEST : count));
  let view = null;
  let features = [];

  const track = tracks.add({ title: "", height: trackHeight, axis: true, paint, tip });
  track.box.classList.add("heat");
  track.host.setAttribute("role", "img");
  const labels = element("div", "labels");
  labels.classList.toggle("long", rowHeight === TWO_LINES);
  labels.classList.toggle("dense", rowHeight === DENSE);
  labels.setAttribute("aria-hidden", "true"); // the bars and the list of features have the same names
  labels.style.height = `${trackHeight - 6}px`;
  track.host.append(labels);

  // Of a crowd, only the largest features have rows; if the reader wants all, their rows are too thin for names.
  function show(newView) {
    view = newView;
    features = largestFeatures(side, magnitudes(view, count));
    const some = features.length < count;
    const readable = some || count <= CROWD;
    track.name.textContent = some ? `The ${features.length} of ${count} ${noun} that matter most` : `All ${noun}`;
    track.detail.textContent = `${view.attribution.method} of ${view.label}; unit: ${view.unit}`;
    labels.replaceChildren(...(readable ? features.map(labelOf) : []));
    const text = `Attribution of ${features.length} ${noun} over ${steps} steps, ${view.unit}`;
    track.host.setAttribute("aria-label", text);
    track.plot.redraw(false, false);
  }

  function labelOf(f) {
    const label = named("span", "label", "");
    label.title = names[f];
    label.dataset.feature = f;
    label.append(element("span", "", clipped(names[f])));
    label.addEventListener("click", () => commands.select(names[f]));
    return label;
  }

  function mark(f) {
    for (const label of labels.children) label.classList.toggle("selected", Number(label.dataset.feature) === f);
  }

  function tip(step, y) {
    const f = features[Math.max(0, Math.min(features.length - 1, Math.floor(y * features.length)))];
    return [[names[f], attributionText(data, view, step, f)], ...valueLines(data, step, f)];
  }

  function paint(plot) {
    if (!view) return;
    const { left, top, width, height } = plot.bbox;
    canvas.width = Math.max(1, Math.min(Math.round(width), 4000));
    canvas.height = features.length;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, features.length);
    for (let x = 0; x < canvas.width; x++) {
      const [first, end] = span.stepsBehind(x, canvas.width);
      if (first >= steps) break;
      features.forEach((f, row) => {
        const color = attributionColor(strongest(f, first, end), view.robust);
        pixels.data.set([...color, 255], (row * canvas.width + x) * 4);
      });
    }
    context.putImageData(pixels, 0, 0);
    plot.ctx.save();
    plot.ctx.imageSmoothingEnabled = false;
    plot.ctx.drawImage(canvas, left, top, width, height);
    plot.ctx.fillStyle = css("--paper");
    const rows = labels.childElementCount;
    for (let row = 1; row < rows; row++) plot.ctx.fillRect(left, Math.round(top + (row / rows) * height), width, 1);
    plot.ctx.restore();
  }

  // The largest value among several steps that share a column of pixels.
  function strongest(f, first, end) {
    let top = view.values[first * count + f];
    for (let step = first + 1; step < end; step++) {
      const value = view.values[step * count + f];
      if (Number.isFinite(value) && !(Math.abs(value) <= Math.abs(top))) top = value;
    }
    return top;
  }

  return { show, mark };
}
