// What the colors of bars and of the heatmap mean.

import { LEVELS, levelColor } from "./colors.js";
import { element, named } from "./document.js";
import { brief } from "./numbers.js";

// `short` leaves out what is raised, which stands above the bars.
export function showLegend(host, view, short = false) {
  const beyond = !view.share && view.robust < view.scale; // some values are larger than the fullest color
  const limit = brief(Number(view.robust.toPrecision(2)));
  const parts = view.share ? [
    element("span", "figure", "0 %"),
    colorStrip(view),
    element("span", "figure", "100 %"),
  ] : [
    element("span", "", "lowers"),
    element("span", "figure", `${beyond ? "≤ " : ""}\u2212${limit}`),
    colorStrip(view),
    element("span", "figure", `${beyond ? "≥ " : ""}${limit}`),
    named("span", "", `raises${short ? "" : ` the ${view.attribution.noun}`}${view.perUnit ? " as the value grows" : ""}`),
  ];
  if (beyond) {
    const torn = element("span", "torn", "beyond");
    torn.title = `A bar with a torn end is longer than it is drawn; its number is whole.`;
    parts.push(torn);
  }
  if (view.gaps) parts.push(element("span", "gap", "not explained"));
  if (view.sampled) parts.push(element("span", "sampled", `1 step in ${view.attribution.every} is explained`));
  host.replaceChildren(...parts);
}

function colorStrip(view) {
  const first = view.share ? 0 : -LEVELS;
  const strip = element("canvas", "ramp");
  strip.width = LEVELS - first + 1;
  strip.height = 1;
  strip.setAttribute("aria-hidden", "true");
  const context = strip.getContext("2d");
  const pixels = context.createImageData(strip.width, 1);
  for (let x = 0; x < strip.width; x++) pixels.data.set([...levelColor(first + x, view.share), 255], x * 4);
  context.putImageData(pixels, 0, 0);
  return strip;
}
