// The moments worth a look that were picked when the page was made: in words, and as marks above the scrubber.

import { byId, element } from "./document.js";
import { actionText } from "./words.js";

// All moments of all sides by their step; those at one step are one.
function momentsOf(sides) {
  const several = sides.length > 1;
  const all = sides.flatMap(({ highlights, short }) =>
    highlights.map(({ step, text }) => ({ step, text: several ? `${short}: ${text}` : text })));
  if (several) all.push(...disagreement(sides));
  const steps = [...new Set(all.map(({ step }) => step))].sort((a, b) => a - b);
  return steps.map((step) => ({ step, texts: all.filter((each) => each.step === step).map(({ text }) => text) }));
}

// The first step at which two agents, who have seen the same until then, take different actions.
function disagreement([first, second]) {
  const [one, other] = [first.data, second.data];
  if (!one.singleChoice || !other.singleChoice) return [];
  for (let step = 0; step < Math.min(one.steps, other.steps); step++) {
    if (one.taken[step] === other.taken[step]) continue;
    const text = `first step at which they disagree: ${first.short} ${actionText(one, step)}, ${second.short} ${actionText(other, step)}`;
    return [{ step, text }];
  }
  return [];
}

export function makeHighlights(sides, extent, seek) {
  const moments = momentsOf(sides);
  byId("no-moments").hidden = moments.length > 0;
  const items = moments.map(({ step, texts }) => {
    const item = element("li");
    const button = element("a");
    const reasons = element("span", "reason");
    button.href = `#step=${step}`;
    item.append(button);
    texts.forEach((text, k) => reasons.append(element("span", "", k ? `; ${text}` : text)));
    button.append(element("span", "step", `step ${step}`), reasons);
    button.addEventListener("click", (event) => {
      event.preventDefault(); // the address stays as it is
      seek(step);
    });
    const mark = element("button", "highlight-mark", "▼");
    mark.type = "button";
    mark.tabIndex = -1; // the keyboard reaches the same steps by `[` and `]`, and by the list in words
    mark.title = `step ${step}: ${texts.join("; ")}`;
    mark.setAttribute("aria-hidden", "true");
    mark.style.left = `${(step / Math.max(1, extent - 1)) * 100}%`;
    mark.addEventListener("click", () => seek(step));
    return { step, item, button, mark };
  });
  byId("highlight-list").replaceChildren(...items.map(({ item }) => item));
  byId("highlight-marks").replaceChildren(...items.map(({ mark }) => mark));

  return {
    mark(current) {
      for (const { step, button } of items) button.setAttribute("aria-current", String(step === current));
    },
    // The next moment for `by` 1, the previous for -1; undefined if there is none.
    next(current, by) {
      const steps = items.map(({ step }) => step).sort((a, b) => by * (a - b));
      return steps.find((step) => by * (step - current) > 0);
    },
  };
}
