// All features over the whole episode, as colours.

const heat = { track: null, labels: null, view: null, canvas: document.createElement("canvas") };

function makeHeat(select) {
  const height = Math.max(24, Math.min(520, COUNT * (COUNT <= ALL_SHOWN ? 20 : COUNT <= 60 ? 9 : 3)));
  heat.track = makeTrack({ title: page.features.pictures ? "All regions" : "All features", height, axis: true, paint: paintHeat });
  heat.track.box.classList.add("heat");
  heat.track.host.setAttribute("role", "img");
  if (COUNT > ALL_SHOWN) return;
  heat.labels = element("div", "labels");
  for (let f = 0; f < COUNT; f++) {
    const label = named("span", "label", NAMES[f]);
    label.addEventListener("click", () => select(f));
    heat.labels.append(label);
  }
  heat.labels.setAttribute("aria-hidden", "true"); // the bars and the list of features say the same
  heat.labels.style.height = `${height - 6}px`;
  heat.track.host.append(heat.labels);
}

function showHeat(view) {
  heat.view = view;
  heat.track.host.setAttribute("aria-label", `Attribution of ${COUNT} features over ${STEPS} steps, ${view.unit}`);
  heat.track.plot.redraw(false, false);
}

function markHeat(f) {
  if (heat.labels) [...heat.labels.children].forEach((label, k) => label.classList.toggle("selected", k === f));
}

function paintHeat(u) {
  const { view, canvas } = heat;
  if (!view) return;
  const { left, top, width, height } = u.bbox;
  canvas.width = Math.max(1, Math.min(Math.round(width), 4000));
  canvas.height = COUNT;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(canvas.width, COUNT);
  for (let x = 0; x < canvas.width; x++) {
    const from = Math.floor((x / canvas.width) * STEPS);
    const to = Math.max(from + 1, Math.floor(((x + 1) / canvas.width) * STEPS));
    for (let f = 0; f < COUNT; f++) {
      image.data.set([...colourOf(strongest(view.values, f, from, to), view.robust), 255], (f * canvas.width + x) * 4);
    }
  }
  paint.putImageData(image, 0, 0);
  u.ctx.save();
  u.ctx.imageSmoothingEnabled = false;
  u.ctx.drawImage(canvas, left, top, width, height);
  if (heat.labels) {
    u.ctx.fillStyle = css("--paper");
    for (let f = 1; f < COUNT; f++) u.ctx.fillRect(left, Math.round(top + (f / COUNT) * height), width, 1);
  }
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
