// An observation that is an image, gray, with the attribution of its pixels over it in color.

const SIDE = 280; // pixels of the longer side, so that a grid of cells stays sharp
const OPACITY = 230; // of 255, for the largest attributions
const SHARP = 16; // a map with at most this many cells along a side is drawn in squares
const loaded = new Map();

export function drawObservation(canvas, episode, part, k, label, labels) {
  const picture = episode.images[part];
  canvas.hidden = !picture;
  if (!picture) return;
  const image = load(picture.images[k]);
  const draw = () => {
    if (canvas.dataset.wanted !== image.src) return; // another step is wanted by now
    paint(canvas, picture.size, image, mapOf(episode.maps[part], k * labels + label));
  };
  canvas.dataset.wanted = image.src;
  if (image.complete) draw();
  else image.addEventListener("load", draw, { once: true });
  const name = picture.name ? ` ${picture.name}` : "";
  canvas.setAttribute("aria-label", `The observation${name}, and the attribution of its pixels over it`);
}

function load(source) {
  if (!loaded.has(source)) {
    const image = new Image();
    image.src = source;
    loaded.set(source, image);
    if (loaded.size > 60) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(source);
}

function paint(canvas, [height, width], image, map) {
  const times = Math.max(1, Math.ceil(SIDE / Math.max(height, width)));
  canvas.width = width * times;
  canvas.height = height * times;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.filter = "grayscale(1)";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.filter = "none";
  context.imageSmoothingEnabled = Math.max(map.width, map.height) > SHARP;
  context.drawImage(map, 0, 0, canvas.width, canvas.height);
}

function mapOf({ shape: [height, width], values, scale }, row) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const [raises, lowers] = ["--raises", "--lowers"].map(rgb);
  for (let cell = 0; cell < width * height; cell++) {
    const value = values[row * width * height + cell];
    const share = Number.isFinite(value) && scale > 0 ? Math.min(1, Math.abs(value) / scale) : 0;
    pixels.data.set([...(value < 0 ? lowers : raises), Math.round(OPACITY * Math.sqrt(share))], cell * 4);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function rgb(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1);
  return [0, 2, 4].map((start) => parseInt(hex.slice(start, start + 2), 16));
}
