// The bars of a step: what was observed, and what it adds to the score or how often it changes the decision.

import { element } from "../../replay/page/document.js";
import { fixed, signed } from "../../replay/page/numbers.js";

const MOST = 12; // rows; of more features those with the largest bars at this step
const MOST_REGIONS = 6; // likewise, where a picture shows all of them

export function makeBars(host, { rows, scale, valueScales }) {
  const boxes = [];

  function addBox() {
    const box = element("tr");
    const name = element("th", "name");
    name.scope = "row";
    const [value, cell, number] = ["value", "bar", "number"].map((kind) => element("td", kind));
    const track = element("span", "track");
    const fill = element("span", "fill");
    track.setAttribute("aria-hidden", "true");
    track.append(fill);
    cell.append(track);
    box.append(name, value, cell, number);
    host.tBodies[0].append(box);
    boxes.push({ box, name, value, fill, number });
  }

  function show(episode, k, { label, decides }) {
    const observed = episode.observed(k);
    const sizes = decides ? episode.decided(k) : episode.attributed(k, label);
    const largest = rows.map((_, f) => f).sort((a, b) => Math.abs(sizes[b] || 0) - Math.abs(sizes[a] || 0));
    const shown = largest.slice(0, episode.images.length ? MOST_REGIONS : MOST).sort((a, b) => a - b);
    while (boxes.length < shown.length) addBox();
    host.classList.toggle("decides", decides);
    boxes.forEach((row, position) => {
      row.box.hidden = position >= shown.length;
      if (!row.box.hidden) showRow(row, shown[position], observed[shown[position]], sizes[shown[position]], decides);
    });
  }

  function showRow({ name, value, fill, number }, f, observed, size, decides) {
    const { name: text, unit, choices } = rows[f];
    name.textContent = text;
    name.title = text;
    const words = choices.length ? choices[Math.round(observed)] ?? "" : observedText(observed, f);
    value.textContent = words;
    value.title = unit && words ? `${words} ${unit}` : words;
    const share = Number.isFinite(size) ? Math.min(1, Math.abs(size) / (decides ? 1 : scale || 1)) : 0;
    fill.className = `fill ${decides ? "neutral" : size < 0 ? "lowers" : "raises"}`;
    fill.classList.toggle("cut", !decides && Math.abs(size) > scale);
    fill.style.width = `${share * (decides ? 100 : 50)}%`;
    number.textContent = numberText(size, decides);
  }

  function observedText(observed, f) {
    return Number.isFinite(observed) ? fixed(observed, valueScales[f], 2) : "";
  }

  function numberText(size, decides) {
    if (!Number.isFinite(size)) return "–";
    return decides ? `${Math.round(100 * size)} %` : signed(size, scale);
  }

  return { show };
}
