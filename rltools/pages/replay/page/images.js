// The frame of a step; and observations that are images beside their attribution. Knows nothing of the page.

import { LEVELS, css, levelColor } from "./colors.js";
import { element } from "./document.js";
import { brief } from "./numbers.js";
import { hideTip, showTip } from "./tip.js";
import { sizeText } from "./words.js";

const SMALLEST = 400; // pixels of the longer side of a canvas at least, so that a grid of cells stays sharp
const SHARP = 16; // a map with at most this many cells along a side is drawn in squares
const BLEACHED = 0.3; // contrast of the observation below its attribution

export function makeFrame(image, frames) {
  if (!frames) return () => {};
  [image.width, image.height] = frames.size;
  return function showFrame(step) {
    image.src = frames.images[Math.min(step, frames.images.length - 1)];
  };
}

// `regionOf(k, box)` is the feature that the region `box` of image `k` belongs to, -1 for none. `select` and `point` are
// called with such a feature.
export function makeObservations(host, data, { regionOf, select, point }) {
  const { images, steps } = data;
  const load = makeLoader(40 * (1 + images.length));
  const current = { view: null, step: 0, source: -1, selected: -1, pointed: -1 };
  const observations = images.map((entry, k) => makeObservation(entry, k));
  host.hidden = images.length === 0;
  host.replaceChildren(...observations.map(({ figure }) => figure));

  function makeObservation({ name, size, note }, k) {
    const figure = element("figure", "observation");
    const magnification = Math.max(1, Math.ceil(SMALLEST / Math.max(...size)));
    const canvases = ["seen", "cover"].map((kind) => {
      const canvas = element("canvas", `canvas ${kind}`);
      [canvas.height, canvas.width] = size.map((pixels) => pixels * magnification);
      canvas.setAttribute("role", "img");
      listen(canvas, k);
      return canvas;
    });
    const caption = element("figcaption", "", [name || "observation", note].filter(Boolean).join(": "));
    caption.title = caption.textContent;
    const selected = element("span", "region");
    selected.setAttribute("aria-live", "polite");
    caption.prepend(selected);
    const pair = element("div", "canvases");
    pair.append(...canvases);
    figure.append(pair, caption);
    return { figure, canvases, selected, wanted: null, pair };
  }

  // The pixel below the pointer, and the box around it.
  function pixelAt(event, k) {
    const bounds = event.currentTarget.getBoundingClientRect();
    const [height, width] = images[k].size;
    const inside = (share, size) => Math.max(0, Math.min(size - 1, Math.floor(share * size)));
    const x = inside((event.clientX - bounds.left) / bounds.width, width);
    const y = inside((event.clientY - bounds.top) / bounds.height, height);
    return { x, y, box: images[k].boxes.findIndex(([top, left, bottom, right]) => y >= top && y < bottom && x >= left && x < right) };
  }

  function listen(canvas, k) {
    canvas.addEventListener("pointermove", (event) => {
      const { x, y, box } = pixelAt(event, k);
      current.pointedBox = [k, box];
      point(regionOf(k, box));
      redraw();
      showTip(event.clientX, event.clientY, tipOf(k, x, y, box));
    });
    canvas.addEventListener("pointerleave", () => {
      current.pointedBox = null;
      point(-1);
      redraw();
      hideTip();
    });
    canvas.addEventListener("click", (event) => {
      const f = regionOf(k, pixelAt(event, k).box);
      if (f >= 0) select(f);
    });
  }

  function tipOf(k, x, y, box) {
    const { view, source } = current;
    const lines = [[`x ${x}, y ${y}`, ""], ...observedLines(k, x, y)];
    if (!view || source < 0) return lines;
    const [rows, columns] = view.mapShapes[k];
    const [height, width] = images[k].size;
    const cell = blockOf(y, height, rows) * columns + blockOf(x, width, columns);
    const size = view.maps[k][source * rows * columns + cell];
    const pixels = rows < height || columns < width ? "attribution of these pixels" : "attribution of this pixel";
    lines.push([pixels, Number.isFinite(size) ? sizeText({ ...view, robust: view.mapScales[k] }, size) : "–"]);
    if (box >= 0) lines.push([data.rowNames[images[k].first_row + box], boxText(k, box)]);
    return lines;
  }

  // The observed numbers of a cell; the color of a pixel.
  function observedLines(k, x, y) {
    const { cells, channels, size: [height, width] } = images[k];
    if (cells) {
      const { values, depth } = cells;
      const start = ((current.step * height + y) * width + x) * depth;
      const numbers = Array.from(values.subarray(start, start + depth), brief);
      return numbers.map((text, c) => [channels[c] ?? (depth > 1 ? `channel ${c}` : "value"), text]);
    }
    const { canvases: [seen] } = observations[k];
    const scale = seen.width / width;
    const pixel = seen.getContext("2d").getImageData((x + 0.5) * scale, (y + 0.5) * scale, 1, 1).data;
    return [["red, green, blue", [...pixel.slice(0, 3)].join(", ")]];
  }

  // The summed attribution of a region.
  function boxText(k, box) {
    const { view, source } = current;
    if (!view || source < 0) return "not explained";
    const f = regionOf(k, box);
    const region = data.kinds[f] === "region";
    const size = region ? view.values[source * data.count + f] : sumOfBox(view, k, source, images[k], box);
    return sizeText(view, size);
  }

  function redraw() {
    const { view, step, source } = current;
    observations.forEach((observation, k) => draw(observation, k, view, step, source));
  }

  function draw(observation, k, view, step, source) {
    const { name, images: sources } = images[k];
    const image = load(sources[step]);
    const beneath = source >= 0 ? load(sources[source]) : image; // what the attribution is of
    const ready = () => image.complete && beneath.complete;
    const paint = () => {
      if (observation.wanted !== image || !ready()) return; // another step is wanted by now
      const [seen, cover] = observation.canvases;
      drawImage(seen, image);
      drawGrid(seen, images[k], outlined(k));
      if (!view) return;
      drawImage(cover, beneath, true);
      if (source >= 0) drawMap(cover, view, k, source);
      drawGrid(cover, images[k], outlined(k));
    };
    observation.wanted = image;
    observation.canvases[1].hidden = !view;
    for (const each of [image, beneath]) if (!each.complete) each.addEventListener("load", paint, { once: true });
    if (ready()) paint();
    if (step + 1 < steps) load(sources[step + 1]);
    const called = `observation${name ? ` ${name}` : ""}`;
    observation.canvases[0].setAttribute("aria-label", `The ${called} of step ${step}`);
    if (view) {
      const label = `The attribution of each pixel of the ${called} for ${view.title}, step ${source < 0 ? step : source}`;
      observation.canvases[1].setAttribute("aria-label", label);
    }
    const [box] = selectedBoxes(k);
    observation.selected.textContent = box === undefined ? "" : `${data.rowNames[images[k].first_row + box]} ${boxText(k, box)}`;
  }

  function selectedBoxes(k) {
    return images[k].boxes.map((_, box) => box).filter((box) => {
      const f = regionOf(k, box);
      return f >= 0 && f === current.selected && data.kinds[f] === "region";
    });
  }

  // The boxes to outline: of the selected region, of the one below the pointer, and of the row that is pointed at.
  function outlined(k) {
    const pointed = images[k].boxes.map((_, box) => box).filter((box) => regionOf(k, box) === current.pointed && current.pointed >= 0);
    const below = current.pointedBox?.[0] === k ? [current.pointedBox[1]] : [];
    return [...new Set([...selectedBoxes(k), ...(below.length ? below : pointed)])];
  }

  function show(view, step) {
    Object.assign(current, { view, step, source: view ? view.held[step] : -1 });
    redraw();
  }

  function mark(selected, pointed) {
    if (current.selected === selected && current.pointed === pointed) return;
    Object.assign(current, { selected, pointed });
    redraw();
  }

  return { show, mark, redraw, figures: observations };
}

// The block of `blocks` equal ones, as `numpy.linspace` begins them, that a pixel is in.
function blockOf(pixel, pixels, blocks) {
  let block = Math.min(blocks - 1, Math.floor(((pixel + 1) * blocks) / pixels));
  while (Math.floor((block * pixels) / blocks) > pixel) block -= 1;
  return block;
}

function sumOfBox(view, k, source, { size: [height, width] }, box) {
  const [rows, columns] = view.mapShapes[k];
  if (rows !== height || columns !== width) return NaN;
  const [top, left, bottom, right] = box;
  let sum = 0;
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += view.maps[k][(source * rows + y) * columns + x];
  return sum;
}

// Loads images and keeps the latest of them, so that stepping back and forth does not flicker.
function makeLoader(capacity) {
  const cache = new Map();
  return function load(source) {
    let image = cache.get(source);
    if (!image) {
      image = new Image();
      image.src = source;
      cache.set(source, image);
      if (cache.size > capacity) cache.delete(cache.keys().next().value);
    }
    return image;
  };
}

function drawImage(canvas, image, bleached = false) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { width, height } = canvas;
  context.fillStyle = css("--paper");
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.filter = bleached ? "grayscale(1)" : "none";
  context.globalAlpha = bleached ? BLEACHED : 1;
  context.drawImage(image, 0, 0, width, height);
  context.filter = "none";
  context.globalAlpha = 1;
}

// The map over image `k`; the larger an attribution, the more it covers.
function drawMap(target, view, k, step) {
  const [height, width] = view.mapShapes[k];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const colors = [levelColor(-LEVELS, view.share), levelColor(LEVELS, view.share)];
  for (let cell = 0; cell < width * height; cell++) {
    const value = view.maps[k][step * width * height + cell];
    const share = Number.isFinite(value) ? Math.min(1, Math.abs(value) / view.mapScales[k]) : 0;
    pixels.data.set([...colors[value < 0 ? 0 : 1], Math.round(255 * share)], cell * 4);
  }
  context.putImageData(pixels, 0, 0);
  const over = target.getContext("2d");
  over.imageSmoothingEnabled = Math.max(width, height) > SHARP;
  over.drawImage(canvas, 0, 0, target.width, target.height);
}

// The regions of an image as thin lines, and some of them outlined.
function drawGrid(canvas, { size: [height, width], boxes }, outlined) {
  const context = canvas.getContext("2d");
  const [across, down] = [canvas.width / width, canvas.height / height];
  const unit = Math.max(1, canvas.width / 400);
  const frame = ([top, left, bottom, right], inset) => context.strokeRect(
    left * across + inset, top * down + inset, (right - left) * across - 2 * inset, (bottom - top) * down - 2 * inset);
  context.lineWidth = unit;
  context.strokeStyle = css("--muted");
  context.globalAlpha = 0.5;
  for (const box of boxes) frame(box, 0);
  context.globalAlpha = 1;
  for (const [color, thick] of [["--paper", 6], ["--accent", 3]]) {
    context.strokeStyle = css(color);
    context.lineWidth = thick * unit;
    for (const box of outlined) frame(boxes[box], 2 * unit);
  }
}
