// The frame of the shown step; and, where observations are images, the observation with its attribution laid over it.

const kept = new Map();

// A picture that has begun to load; the last ones are kept, so that stepping back and forth does not flicker.
function loaded(source) {
  let image = kept.get(source);
  if (!image) {
    image = new Image();
    image.src = source;
    kept.set(source, image);
    if (kept.size > 40 * (1 + PICTURES.length)) kept.delete(kept.keys().next().value);
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

const SIDE = 400; // of a canvas, at least: a grid of cells stays sharp
const BLURRED = 16; // a map of no more cells than this is drawn in squares
const observations = [];

function makeObservations() {
  for (const { name, size: [height, width], note } of PICTURES) {
    const figure = element("figure", "observation");
    const canvas = element("canvas", "canvas");
    const magnified = Math.max(1, Math.ceil(SIDE / Math.max(height, width)));
    canvas.width = width * magnified;
    canvas.height = height * magnified;
    canvas.setAttribute("role", "img");
    figure.append(canvas);
    const said = [PICTURES.length > 1 || WHAT !== "regions" ? name : "", note].filter(Boolean).join(": ");
    if (said) figure.append(element("figcaption", "", said));
    $("observations").append(figure);
    observations.push({ canvas, wanted: null });
  }
  $("observations").hidden = PICTURES.length === 0;
}

function showObservations(view, step, overlay) {
  observations.forEach((observation, k) => {
    const { name, pictures } = PICTURES[k];
    const image = loaded(pictures[step]);
    const draw = () => { if (observation.wanted === image) drawObservation(observation.canvas, image, view && overlay ? heatOf(view, k, step) : null); };
    observation.wanted = image;
    if (image.complete) draw();
    else image.addEventListener("load", draw, { once: true });
    if (step + 1 < STEPS) loaded(pictures[step + 1]);
    observation.canvas.setAttribute("aria-label", `The observation${name ? ` ${name}` : ""} of step ${step}${view && overlay ? `, and what of it moves ${view.label}` : ""}`);
  });
}

function drawObservation(canvas, image, map) {
  const paint = canvas.getContext("2d");
  const { width, height } = canvas;
  paint.imageSmoothingEnabled = false;
  paint.filter = map ? "grayscale(1)" : "none";
  paint.drawImage(image, 0, 0, width, height);
  paint.filter = "none";
  if (!map) return;
  paint.imageSmoothingEnabled = Math.max(map.width, map.height) > BLURRED;
  paint.drawImage(map, 0, 0, width, height);
}

function heatOf(view, k, step) {
  const [height, width] = view.mapShapes[k];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const value = view.maps[k][step * width * height + at];
    const share = Number.isFinite(value) ? Math.min(1, Math.abs(value) / view.mapScales[k]) : 0;
    const colour = ramp[value < 0 ? 0 : 2 * LEVELS];
    image.data.set([...colour, Math.round(230 * Math.sqrt(share))], at * 4);
  }
  paint.putImageData(image, 0, 0);
  return canvas;
}
