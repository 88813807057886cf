// The attributions of one step as bars: one row per feature, in the order of the features. Knows nothing of the page.

import { isLong } from "./crowd.js";
import { element, write } from "./document.js";
import { hideTip, showTip } from "./tip.js";
import { attributionText, featureLabel, sizeText, unitText, valueLines, valueText } from "./words.js";

const HEADERS = ["feature", "value", "attribution as a bar", "attribution"];

// `host` becomes a table. `select(f)` is called when a row is clicked, `point(f)` when the pointer is over it, with -1
// when it leaves.
export function makeBars(host, data, { select, point }) {
  const { count, names, units, kinds, valueAt } = data;
  const rows = [];
  const current = { view: null, step: 0 };
  host.setAttribute("role", "table");
  host.classList.toggle("long", names.some(isLong));
  const header = element("div", "row headers");
  header.setAttribute("role", "row");
  const longest = Math.max(0, ...data.options.flat().map((option) => option.length));
  host.style.setProperty("--value", `${Math.max(5.2, Math.min(18, 0.6 * longest))}em`);
  for (const text of HEADERS) {
    const cell = element("span", "", text);
    cell.setAttribute("role", "columnheader");
    header.append(cell);
  }
  host.replaceChildren(header);

  function addRow() {
    const box = element("div", "row");
    const name = element("span", "feature name");
    const value = element("span", "value");
    const bar = element("span", "bar");
    const fill = element("span", "fill");
    const number = element("span", "number");
    box.setAttribute("role", "row");
    name.setAttribute("role", "rowheader");
    for (const cell of [value, bar, number]) cell.setAttribute("role", "cell");
    bar.append(fill);
    box.append(name, value, bar, number);
    const row = { box, name, value, fill, number, feature: -1 };
    box.addEventListener("click", () => select(row.feature));
    box.addEventListener("pointermove", (event) => {
      point(row.feature);
      showTip(event.clientX, event.clientY, tipOf(row.feature));
    });
    box.addEventListener("pointerleave", () => {
      point(-1);
      hideTip();
    });
    host.append(box);
    rows.push(row);
  }

  function tipOf(f) {
    const { view, step } = current;
    const attribution = view ? [["attribution", attributionText(data, view, step, f)]] : [];
    return [[names[f], ""], ...valueLines(data, step, f), ...attribution];
  }

  // Which features have a row; rows keep their places until this is called again.
  function setFeatures(features) {
    while (rows.length < features.length) addRow();
    rows.forEach((row, k) => {
      row.box.hidden = k >= features.length;
      if (row.box.hidden || row.feature === features[k]) return;
      row.feature = features[k];
      row.name.title = featureLabel(data, row.feature);
      row.name.replaceChildren(element("span", "", names[row.feature]), element("span", "unit", unitText(units[row.feature])));
    });
  }

  // `weak` draws the bars weaker, for a step that stands for others.
  function show(view, step, weak = false) {
    const source = view ? view.held[step] : -1;
    Object.assign(current, { view, step });
    host.classList.toggle("held", weak);
    host.classList.toggle("one-sided", Boolean(view?.share));
    host.classList.toggle("without-attribution", !view);
    host.classList.toggle("unexplained", Boolean(view) && source < 0);
    for (const row of rows) if (!row.box.hidden) showRow(row, view, step, source);
  }

  function showRow({ value, fill, number, feature }, view, step, source) {
    write(value, valueText(data, step, feature));
    value.classList.toggle("option", kinds[feature] === "options");
    value.classList.toggle("chosen", kinds[feature] === "choice" && valueAt(step, feature) === 1);
    if (!view) return;
    const size = source < 0 ? NaN : view.values[source * count + feature];
    const share = view.robust > 0 ? Math.abs(size) / view.robust : 0;
    const known = Number.isFinite(size);
    fill.style.width = `${known ? Math.min(1, share) * (view.share ? 100 : 50) : 0}%`;
    const sign = view.share ? "plain" : size < 0 ? "negative" : "positive";
    const look = `fill ${sign}${known && share > 1 ? " cut" : ""}`;
    if (fill.className !== look) fill.className = look;
    write(number, known ? sizeText(view, size) : "–");
  }

  // Marks the row of the selected feature, and of the one that is pointed at; -1 for none.
  function mark(selected, pointed) {
    for (const { box, feature } of rows) {
      box.classList.toggle("selected", feature === selected);
      box.classList.toggle("pointed", feature === pointed);
      box.setAttribute("aria-selected", String(feature === selected));
    }
  }

  return { setFeatures, show, mark };
}
