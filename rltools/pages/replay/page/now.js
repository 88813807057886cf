// What happened at the step that is shown: the action, the reward, and what the policy computed for each action.

import { seriesColor, swatch } from "./colors.js";
import { element, fact, named } from "./document.js";
import { brief, fixed, largest } from "./numbers.js";
import { policyModes } from "./policy.js";
import { actionName, actionText } from "./words.js";

export function makeNow({ $, episode, data }) {
  const { discrete, rewards, returnSoFar } = data;
  const action = discrete ? fact($("now"), "action", "") : null;
  const reward = fact($("now"), "reward", "");
  const sum = fact($("now"), "return so far", "");
  const texts = episode.texts.map(({ name }) => fact($("texts"), name || "observation", ""));
  const modes = policyModes(data).slice(0, 2);
  if (discrete) modes.reverse(); // a logit before the probability that it becomes
  const scales = modes.map((mode) => spread(mode));
  const terms = modes.map(({ name }) => element("span", "figure", name));
  $("actions").append(actionRow(element("span"), element("span", "", "each action"), terms));
  $("actions").firstElementChild.classList.add("terms");
  const width = Math.max(...modes.map((mode) => mode.width));
  const rows = Array.from({ length: width }, (_, k) => {
    const figures = modes.map(() => element("span", "figure"));
    const row = actionRow(swatch(seriesColor(k)), named("span", "", actionName(data, k)), figures);
    $("actions").append(row);
    return { row, figures };
  });

  return function showNow(step) {
    if (action) action.textContent = actionText(data, step);
    reward.textContent = brief(rewards[step]);
    sum.textContent = brief(returnSoFar[step]);
    texts.forEach((description, k) => { description.textContent = description.title = episode.texts[k].values[step]; });
    rows.forEach(({ row, figures }, k) => {
      row.classList.toggle("taken", data.singleChoice && data.taken[step] === k);
      modes.forEach(({ values, width: size }, position) => {
        figures[position].textContent = k < size ? fixed(values[step * size + k], scales[position]) : "";
      });
    });
  };
}

function actionRow(mark, name, figures) {
  const row = element("div", "action");
  row.append(mark, name, ...figures);
  return row;
}

// The largest difference between the actions of a step: large scores that differ little need more digits.
function spread({ values, width }) {
  let difference = 0;
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    difference = Math.max(difference, width > 1 ? Math.max(...row) - Math.min(...row) : Math.abs(row[0]));
  }
  return difference || largest(values);
}
