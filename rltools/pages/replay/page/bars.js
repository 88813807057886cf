// The attributions of one step as signed bars: one row per feature, in the order of the features.

import { ALL_VISIBLE, CROWD, LARGEST, crowded, isLong } from "./crowd.js";
import { element } from "./document.js";
import { signed } from "./numbers.js";
import { hideTip, showTip } from "./tip.js";
import { attributionText, featureLabel, valueLines, valueText } from "./words.js";

export function makeBars(side) {
  const { $, data, state, commands } = side;
  const { count, names, units, kinds, valueAt } = data;
  const rows = [];
  if (count > ALL_VISIBLE) $("bars").tabIndex = 0;
  $("bars").classList.toggle("long", names.some(isLong));
  if (count > CROWD) {
    $("all-rows-label").hidden = false;
    $("all-rows-label").append(` all ${count} ${data.noun}`);
    $("bars").style.minHeight = "300px"; // the elements below keep their place while rows come and go
  }

  // The features that have a row. Of a crowd: the selected feature, choices that are 1, and the largest that are not 0.
  function visibleFeatures(view, step) {
    const every = names.map((_, f) => f);
    if (!crowded(side)) return every;
    const sizes = every.map((f) => Math.abs(view ? view.values[step * count + f] : valueAt(step, f)) || 0);
    const top = every.filter((f) => sizes[f] > 0).sort((a, b) => sizes[b] - sizes[a]).slice(0, LARGEST);
    const made = every.filter((f) => isChosen(step, f)).slice(0, LARGEST);
    return [...new Set([...top, ...made, state.feature])].sort((a, b) => a - b);
  }

  function isChosen(step, f) {
    return kinds[f] === "choice" && valueAt(step, f) === 1;
  }

  function addRow() {
    const box = element("div", "row");
    const name = element("span", "feature name");
    const value = element("span", "value");
    const bar = element("span", "bar");
    const fill = element("span", "fill");
    const number = element("span", "number");
    box.setAttribute("role", "row");
    name.setAttribute("role", "rowheader");
    for (const cell of [value, number]) cell.setAttribute("role", "cell");
    bar.setAttribute("aria-hidden", "true");
    bar.append(fill);
    box.append(name, value, bar, number);
    const row = { box, name, value, fill, number, feature: -1 };
    box.addEventListener("click", () => commands.select(names[row.feature]));
    box.addEventListener("pointermove", (event) => showTip(event.clientX, event.clientY, tipOf(row.feature)));
    box.addEventListener("pointerleave", hideTip);
    $("bars").append(box);
    rows.push(row);
  }

  function tipOf(f) {
    const { view, step } = state;
    const attribution = view ? [["attribution", attributionText(data, view, step, f)]] : [];
    return [[names[f], ""], ...valueLines(data, step, f), ...attribution];
  }

  function nameRow(row, f) {
    if (row.feature === f) return;
    row.feature = f;
    row.name.title = featureLabel(data, f);
    row.name.replaceChildren(element("span", "", names[f]), element("span", "unit", units[f] ?? ""));
  }

  function showRow({ box, value, fill, number }, view, step, f) {
    box.classList.toggle("selected", f === state.feature);
    value.textContent = valueText(data, step, f);
    value.classList.toggle("chosen", isChosen(step, f));
    if (!view) return;
    const size = view.values[step * count + f];
    const explained = Number.isFinite(size);
    const share = explained && view.robust > 0 ? Math.min(1, Math.abs(size) / view.robust) : 0;
    fill.style.width = `${share * 50}%`;
    fill.className = size < 0 ? "fill negative" : "fill positive";
    number.textContent = explained ? signed(size, view.robust) : "";
    box.classList.toggle("unexplained", !explained);
  }

  return function showBars(view, step) {
    const features = visibleFeatures(view, step);
    while (rows.length < features.length) addRow();
    rows.forEach((row, k) => {
      row.box.hidden = k >= features.length;
      if (row.box.hidden) return;
      nameRow(row, features[k]);
      showRow(row, view, step, features[k]);
    });
    $("row-count").hidden = !crowded(side);
    const choices = kinds.includes("choice") ? "the observed choices, and " : "";
    const shares = `the largest ${view ? "attributions" : "values"} at this step.`;
    $("row-count").textContent = `${features.length} of ${count} ${data.noun}: ${choices}${shares}`;
    const missing = Boolean(view) && !features.some((f) => Number.isFinite(view.values[step * count + f]));
    $("missing").hidden = !missing;
    if (missing) $("missing").textContent = "This step is not explained.";
  };
}
