// The label beside the pointer: values in words, with their units.

import { swatch } from "./colors.js";
import { byId, element } from "./document.js";

const MARGIN = 8; // pixels to the edge of the window
const OFFSET = 14; // pixels to the pointer

// Each line is a term and its value, and the position of an action whose color it has.
export function showTip(x, y, lines) {
  const tip = byId("tip");
  tip.replaceChildren(...lines.map(([term, value, action]) => {
    const line = element("div", "tip-line");
    if (action !== undefined) line.append(swatch(action));
    line.append(element("span", "name", term), element("span", "figure", value));
    return line;
  }));
  tip.hidden = false;
  const width = tip.offsetWidth;
  const left = x + OFFSET + width + MARGIN > innerWidth ? x - OFFSET - width : x + OFFSET;
  tip.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN))}px`;
  tip.style.top = `${Math.max(MARGIN, Math.min(y + OFFSET, innerHeight - tip.offsetHeight - MARGIN))}px`;
}

export function hideTip() {
  byId("tip").hidden = true;
}
