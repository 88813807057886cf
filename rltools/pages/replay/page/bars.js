// The attributions of one step as signed bars, one row per feature, in the order of the features.

const rows = [];
const ALL_SHOWN = 24; // beyond so many the list scrolls
const CROWD = 40; // beyond so many the largest are shown, and the rest when asked for
const LARGEST = 16;
const LONG = 32; // a longer name takes two lines
const longNames = NAMES.some((name) => name.length > LONG);
const scales = [];
const bars = { all: false, select: () => {} };

function makeBars(select) {
  bars.select = select;
  if (COUNT > ALL_SHOWN) $("bars").tabIndex = 0;
  $("bars").classList.toggle("long", longNames);
  if (COUNT <= CROWD) return;
  $("all-label").hidden = false;
  $("all-label").append(` all ${COUNT} ${WHAT}`);
  $("bars").style.minHeight = "300px"; // what stands beneath stays where it is while rows come and go
}

function crowded() {
  return COUNT > CROWD && !bars.all;
}

// The features that have a row: of a crowd the selected one, what was chosen, and the largest of those that do anything.
function listed(view, step) {
  if (!crowded()) return NAMES.map((_, f) => f);
  const sizes = NAMES.map((_, f) => (view ? Math.abs(view.values[step * COUNT + f]) || 0 : Math.abs(valueAt(step, f)) || 0));
  const found = NAMES.map((_, f) => f).filter((f) => sizes[f] > 0).sort((a, b) => sizes[b] - sizes[a]).slice(0, LARGEST);
  const seen = NAMES.map((_, f) => f).filter((f) => KINDS[f] === "choice" && valueAt(step, f) === 1).slice(0, LARGEST);
  return [...new Set([...found, ...seen, shown.feature])].sort((a, b) => a - b);
}

function newRow() {
  const row = element("div", "row");
  row.setAttribute("role", "row");
  const name = element("span", "feature name");
  const value = element("span", "value");
  const bar = element("span", "bar");
  const fill = element("span", "fill");
  const number = element("span", "number");
  name.setAttribute("role", "rowheader");
  for (const cell of [value, number]) cell.setAttribute("role", "cell");
  bar.setAttribute("aria-hidden", "true");
  bar.append(fill);
  row.append(name, value, bar, number);
  const made = { row, name, value, fill, number, feature: -1 };
  row.addEventListener("click", () => bars.select(made.feature));
  row.addEventListener("pointermove", (event) => showTip(event.clientX, event.clientY, barTip(made.feature)));
  row.addEventListener("pointerleave", hideTip);
  $("bars").append(row);
  rows.push(made);
}

function barTip(f) {
  const explained = shown.view ? [["attribution", attributionText(shown.view, shown.step, f)]] : [];
  return [[NAMES[f], ""], ...valueLine(shown.step, f), ...explained];
}

function nameRow(made, f) {
  if (made.feature === f) return;
  made.feature = f;
  made.name.title = featureLabel(f);
  made.name.replaceChildren(element("span", "", NAMES[f]), element("span", "unit", UNITS[f] ?? ""));
}

function scaleOf(f) {
  return (scales[f] ??= largest(Array.from({ length: STEPS }, (_, t) => valueAt(t, f))));
}

// What was observed, as text: nothing for a region.
function valueText(step, f) {
  if (KINDS[f] === "region") return "";
  const value = valueAt(step, f);
  return KINDS[f] === "choice" && Number.isInteger(value) ? String(value) : fixed(value, scaleOf(f), 3);
}

function showBars(view, step) {
  const features = listed(view, step);
  while (rows.length < features.length) newRow();
  let explained = false;
  rows.forEach((made, at) => {
    made.row.hidden = at >= features.length;
    if (made.row.hidden) return;
    const f = features[at];
    nameRow(made, f);
    made.row.classList.toggle("selected", f === shown.feature);
    made.value.textContent = valueText(step, f);
    made.value.classList.toggle("chosen", KINDS[f] === "choice" && valueAt(step, f) === 1);
    if (!view) return;
    const size = view.values[step * COUNT + f];
    const known = Number.isFinite(size);
    explained ||= known;
    const share = known && view.robust > 0 ? Math.min(1, Math.abs(size) / view.robust) : 0;
    made.fill.style.width = `${share * 50}%`;
    made.fill.className = size < 0 ? "fill negative" : "fill positive";
    made.number.textContent = known ? signed(size, view.robust) : "";
    made.row.classList.toggle("unexplained", !known);
  });
  $("listed").hidden = !crowded();
  const chosen = KINDS.includes("choice") ? "what is observed of choices, and " : "";
  $("listed").textContent = `${features.length} of ${COUNT} ${WHAT}: ${chosen}the largest ${view ? "attributions" : "values"} at this step.`;
  const missing = Boolean(view) && !explained;
  $("missing").hidden = !missing;
  if (missing) $("missing").textContent = "This step is not explained.";
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
