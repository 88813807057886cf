// The frame of a step; and for observations that are images, the observation with its attribution over it.

import { LEVELS, levelColor } from "./colors.js";
import { element } from "./document.js";

const SMALLEST = 400; // pixels of the longer side of a canvas at least, so that a grid of cells stays sharp
const SHARP = 16; // a map with at most this many cells along a side is drawn in squares
const OPACITY = 230; // of 255, for the largest attributions

export function makeFrame({ $, episode: { frames } }) {
  if (!frames) return () => {};
  [$("frame-image").width, $("frame-image").height] = frames.size;
  $("frame").hidden = false;
  return function showFrame(step) {
    $("frame-image").src = frames.images[Math.min(step, frames.images.length - 1)];
  };
}

export function makeObservations({ $, data }) {
  const { images, steps } = data;
  const load = makeLoader(40 * (1 + images.length));
  const named = images.length > 1 || data.noun !== "regions";
  const observations = images.map(({ name, size, note }) => {
    const figure = element("figure", "observation");
    const canvas = element("canvas", "canvas");
    const magnification = Math.max(1, Math.ceil(SMALLEST / Math.max(...size)));
    [canvas.height, canvas.width] = size.map((pixels) => pixels * magnification);
    canvas.setAttribute("role", "img");
    figure.append(canvas);
    const caption = [named ? name : "", note].filter(Boolean).join(": ");
    if (caption) figure.append(element("figcaption", "", caption));
    $("observations").append(figure);
    return { canvas, wanted: null };
  });
  $("observations").hidden = images.length === 0;

  return function showObservations(view, step, overlay) {
    const covered = view && overlay;
    observations.forEach((observation, k) => {
      const { name, images: sources } = images[k];
      const image = load(sources[step]);
      const draw = () => {
        if (observation.wanted !== image) return; // another step is wanted by now
        drawObservation(observation.canvas, image, covered ? drawMap(view, k, step) : null);
      };
      observation.wanted = image;
      if (image.complete) draw();
      else image.addEventListener("load", draw, { once: true });
      if (step + 1 < steps) load(sources[step + 1]);
      const cover = covered ? `, and the attribution of its pixels for ${view.label}` : "";
      observation.canvas.setAttribute("aria-label", `The observation${name ? ` ${name}` : ""} of step ${step}${cover}`);
    });
  };
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

function drawObservation(canvas, image, map) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.imageSmoothingEnabled = false;
  context.filter = map ? "grayscale(1)" : "none";
  context.drawImage(image, 0, 0, width, height);
  context.filter = "none";
  if (!map) return;
  context.imageSmoothingEnabled = Math.max(map.width, map.height) > SHARP;
  context.drawImage(map, 0, 0, width, height);
}

// The map over image `k` as a canvas; the larger an attribution, the more opaque it is.
function drawMap(view, k, step) {
  const [height, width] = view.mapShapes[k];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let cell = 0; cell < width * height; cell++) {
    const value = view.maps[k][step * width * height + cell];
    const share = Number.isFinite(value) ? Math.min(1, Math.abs(value) / view.mapScales[k]) : 0;
    pixels.data.set([...levelColor(value < 0 ? -LEVELS : LEVELS), Math.round(OPACITY * Math.sqrt(share))], cell * 4);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
