// The attributions of one step as signed bars, one row per feature, in the order of the features.

const rows = [];
const ALL_SHOWN = 24; // beyond so many the list scrolls

function makeBars(select) {
  if (COUNT > ALL_SHOWN) $("bars").tabIndex = 0;
  for (let f = 0; f < COUNT; f++) {
    const row = element("div", "row");
    row.setAttribute("role", "row");
    const name = named("span", "feature", featureLabel(f));
    name.replaceChildren(element("span", "", NAMES[f]), element("span", "unit", UNITS[f] ?? ""));
    const value = element("span", "value");
    const bar = element("span", "bar");
    const fill = element("span", "fill");
    const number = element("span", "number");
    name.setAttribute("role", "rowheader");
    for (const cell of [value, number]) cell.setAttribute("role", "cell");
    bar.setAttribute("aria-hidden", "true");
    bar.append(fill);
    row.append(name, value, bar, number);
    row.addEventListener("click", () => select(f));
    $("bars").append(row);
    const scale = observed === null ? 0 : largest(everyStep(observed, f));
    rows.push({ row, value, fill, number, scale });
  }
}

function* everyStep(values, f) {
  for (let t = 0; t < STEPS; t++) yield values[t * COUNT + f];
}

function showBars(view, step) {
  let explained = false;
  rows.forEach(({ value, fill, number, scale, row }, f) => {
    if (observed !== null) {
      value.textContent = fixed(observed[step * COUNT + f], scale, 3);
    }
    if (!view) return;
    const size = view.values[step * COUNT + f];
    const known = Number.isFinite(size);
    explained ||= known;
    const share = known && view.robust > 0 ? Math.min(1, Math.abs(size) / view.robust) : 0;
    fill.style.width = `${share * 50}%`;
    fill.className = size < 0 ? "fill negative" : "fill positive";
    number.textContent = known ? signed(size, view.robust) : "";
    row.classList.toggle("unexplained", !known);
  });
  const missing = Boolean(view) && !explained;
  $("missing").hidden = !missing;
  if (missing) $("missing").textContent = "This step is not explained.";
}

function markSelected(f) {
  rows.forEach(({ row }, k) => row.classList.toggle("selected", k === f));
}

function showLegend(view) {
  const gaps = view.values.some((value) => !Number.isFinite(value));
  const ends = view.robust < view.scale;
  const strip = element("canvas", "strip");
  strip.width = 2 * LEVELS + 1;
  strip.height = 1;
  const paint = strip.getContext("2d");
  const image = paint.createImageData(strip.width, 1);
  for (let level = 0; level < strip.width; level++) image.data.set([...ramp[level], 255], level * 4);
  paint.putImageData(image, 0, 0);
  strip.setAttribute("aria-hidden", "true");
  const limit = brief(Number(view.robust.toPrecision(2)));
  const parts = [
    element("span", "", view.perUnit ? "a higher value lowers" : "lowers"),
    element("span", "figure", `${ends ? "≤ " : ""}\u2212${limit}`),
    strip,
    element("span", "figure", `${ends ? "≥ " : ""}${limit}`),
    named("span", "", `${view.perUnit ? "a higher value raises" : "raises"} ${view.label}`),
  ];
  if (gaps) parts.push(element("span", "gap", "not explained"));
  $("legend").replaceChildren(...parts);
}
