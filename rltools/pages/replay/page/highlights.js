// The moments worth a look that were picked when the page was made: in words, and as marks above the first plot.

import { element } from "./document.js";

// `host` is the plot that has the marks.
export function makeHighlights({ $, episode: { highlights }, commands }, span, host) {
  $("highlights").hidden = highlights.length === 0;
  const items = highlights.map(({ step, text }) => {
    const button = element("button", "");
    button.type = "button";
    button.append(element("span", "step", `step ${step}`), element("span", "reason", text));
    button.addEventListener("click", () => commands.seek(step));
    $("highlight-list").append(button);
    const mark = element("div", "highlight-mark");
    mark.title = `step ${step}: ${text}`;
    host.append(mark);
    return { step, button, mark };
  });

  function place() {
    for (const { step, mark } of items) {
      const left = span.place(step);
      mark.hidden = left < 0 || left > 100;
      mark.style.left = `${left}%`;
    }
  }

  span.onChange(place);
  place();
  return function markHighlight(current) {
    for (const { step, button } of items) button.setAttribute("aria-current", String(step === current));
  };
}
