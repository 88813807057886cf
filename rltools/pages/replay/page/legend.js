// What the colors of bars and of the heatmap mean.

import { LEVELS, levelColor } from "./colors.js";
import { element, named } from "./document.js";
import { brief } from "./numbers.js";

export function showLegend(host, view) {
  const beyond = view.robust < view.scale; // some values are larger than the fullest color
  const limit = brief(Number(view.robust.toPrecision(2)));
  const parts = [
    element("span", "", view.perUnit ? "a higher value lowers" : "lowers"),
    element("span", "figure", `${beyond ? "≤ " : ""}\u2212${limit}`),
    colorStrip(),
    element("span", "figure", `${beyond ? "≥ " : ""}${limit}`),
    named("span", "", `${view.perUnit ? "a higher value raises" : "raises"} ${view.label}`),
  ];
  if (!view.values.every(Number.isFinite)) parts.push(element("span", "gap", "not explained"));
  host.replaceChildren(...parts);
}

function colorStrip() {
  const strip = element("canvas", "strip");
  strip.width = 2 * LEVELS + 1;
  strip.height = 1;
  strip.setAttribute("aria-hidden", "true");
  const context = strip.getContext("2d");
  const pixels = context.createImageData(strip.width, 1);
  for (let x = 0; x < strip.width; x++) pixels.data.set([...levelColor(x - LEVELS), 255], x * 4);
  context.putImageData(pixels, 0, 0);
  return strip;
}
