// All features over the whole episode, as colours.

const heat = { track: null, labels: null, view: null, features: [], select: () => {}, canvas: document.createElement("canvas") };

function makeHeat(select) {
  const each = COUNT > ALL_SHOWN && COUNT <= CROWD ? 13 : longNames ? 28 : 20;
  const height = Math.max(24, each * Math.min(COUNT, COUNT > CROWD ? LARGEST : COUNT));
  heat.select = select;
  heat.track = makeTrack({ title: "", height, axis: true, paint: paintHeat, tip: heatTip });
  heat.track.box.classList.add("heat");
  heat.track.host.setAttribute("role", "img");
  heat.labels = element("div", "labels");
  heat.labels.classList.toggle("long", each === 28);
  heat.labels.classList.toggle("dense", each === 13);
  heat.labels.setAttribute("aria-hidden", "true"); // the bars and the list of features say the same
  heat.labels.style.height = `${height - 6}px`;
  heat.track.host.append(heat.labels);
}

// Of a crowd those that matter most over the episode have a row and a name, all of them only a row.
function heatFeatures(view) {
  const every = NAMES.map((_, f) => f);
  if (!crowded()) return every;
  const sums = magnitudes(view);
  return every.sort((a, b) => sums[b] - sums[a]).slice(0, LARGEST).sort((a, b) => a - b);
}

function magnitudes(view) {
  const sums = new Float64Array(COUNT);
  view.values.forEach((value, at) => { if (Number.isFinite(value)) sums[at % COUNT] += Math.abs(value); });
  return sums;
}

function showHeat(view) {
  heat.view = view;
  heat.features = heatFeatures(view);
  const some = heat.features.length < COUNT;
  heat.track.name.textContent = some ? `The ${heat.features.length} of ${COUNT} ${WHAT} that matter most` : `All ${WHAT}`;
  const readable = some || COUNT <= CROWD;
  heat.labels.replaceChildren(...(readable ? heat.features.map(heatLabel) : []));
  heat.track.host.setAttribute("aria-label", `Attribution of ${heat.features.length} ${WHAT} over ${STEPS} steps, ${view.unit}`);
  heat.track.plot.redraw(false, false);
}

function heatLabel(f) {
  const label = named("span", "label", "");
  label.title = NAMES[f];
  label.dataset.feature = f;
  label.append(element("span", "", clipped(NAMES[f])));
  label.addEventListener("click", () => heat.select(f));
  return label;
}

function markHeat(f) {
  [...heat.labels.children].forEach((label) => label.classList.toggle("selected", Number(label.dataset.feature) === f));
}

function heatTip(step, y) {
  const f = heat.features[Math.max(0, Math.min(heat.features.length - 1, Math.floor(y * heat.features.length)))];
  return [[NAMES[f], attributionText(heat.view, step, f)], ...valueLine(step, f)];
}

function paintHeat(u) {
  const { view, features, canvas } = heat;
  if (!view) return;
  const { left, top, width, height } = u.bbox;
  canvas.width = Math.max(1, Math.min(Math.round(width), 4000));
  canvas.height = features.length;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(canvas.width, features.length);
  for (let x = 0; x < canvas.width; x++) {
    const [from, to] = stepsBehind(x, canvas.width);
    if (from >= STEPS) break;
    features.forEach((f, row) => {
      image.data.set([...colourOf(strongest(view.values, f, from, to), view.robust), 255], (row * canvas.width + x) * 4);
    });
  }
  paint.putImageData(image, 0, 0);
  u.ctx.save();
  u.ctx.imageSmoothingEnabled = false;
  u.ctx.drawImage(canvas, left, top, width, height);
  u.ctx.fillStyle = css("--paper");
  const lines = heat.labels.childElementCount;
  for (let row = 1; row < lines; row++) u.ctx.fillRect(left, Math.round(top + (row / lines) * height), width, 1);
  u.ctx.restore();
}

// Where several steps share a column of pixels, the one that matters most is seen.
function strongest(values, f, from, to) {
  let found = values[from * COUNT + f];
  for (let t = from + 1; t < to; t++) {
    const value = values[t * COUNT + f];
    if (Number.isFinite(value) && !(Math.abs(value) <= Math.abs(found))) found = value;
  }
  return found;
}
