// The frame of the shown step; and, where observations are images, the observation with its attribution laid over it.

const kept = new Map();

// A picture that has begun to load; the last few are kept, so that stepping back and forth does not flicker.
function loaded(source) {
  let image = kept.get(source);
  if (!image) {
    image = new Image();
    image.src = source;
    kept.set(source, image);
    if (kept.size > 40) kept.delete(kept.keys().next().value);
  }
  return image;
}

function makeFrame() {
  if (!page.frames) return;
  const [width, height] = page.frames.size;
  $("picture").width = width;
  $("picture").height = height;
  $("frame").hidden = false;
}

function showFrame(step) {
  if (!page.frames) return;
  const source = page.frames.pictures[Math.min(step, page.frames.pictures.length - 1)];
  $("picture").src = source;
}

const MAGNIFIED = 4;
let wanted = null;

function makeObservation() {
  const [height, width] = page.features.size;
  $("canvas").width = width * MAGNIFIED;
  $("canvas").height = height * MAGNIFIED;
  $("observation").hidden = false;
}

function showObservation(view, step, overlay) {
  const image = loaded(page.features.pictures[step]);
  const draw = () => { if (wanted === image) drawObservation(image, view, step, overlay); };
  wanted = image;
  if (image.complete) draw();
  else image.addEventListener("load", draw, { once: true });
  if (step + 1 < STEPS) loaded(page.features.pictures[step + 1]);
  $("canvas").setAttribute("aria-label", `The observation of step ${step}${view && overlay ? `, and what of it moves ${view.label}` : ""}`);
}

function drawObservation(image, view, step, overlay) {
  const paint = $("canvas").getContext("2d");
  const { width, height } = $("canvas");
  paint.imageSmoothingEnabled = false;
  paint.filter = view && overlay ? "grayscale(1)" : "none";
  paint.drawImage(image, 0, 0, width, height);
  paint.filter = "none";
  if (!view || !overlay) return;
  paint.imageSmoothingEnabled = true;
  paint.drawImage(heatOf(view, step), 0, 0, width, height);
}

function heatOf(view, step) {
  const [height, width] = view.mapShape;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(width, height);
  view.mapScale ??= quantile(view.map, 0.999) || 1;
  for (let at = 0; at < width * height; at++) {
    const value = view.map[step * width * height + at];
    const share = Number.isFinite(value) ? Math.min(1, Math.abs(value) / view.mapScale) : 0;
    const colour = ramp[value < 0 ? 0 : 2 * LEVELS];
    image.data.set([...colour, Math.round(230 * Math.sqrt(share))], at * 4);
  }
  paint.putImageData(image, 0, 0);
  return canvas;
}
