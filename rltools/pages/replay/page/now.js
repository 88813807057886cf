// What happened at the step that is shown: the action, the reward, and what the policy computed for each action.

import { swatch } from "./colors.js";
import { element, fact, named, write } from "./document.js";
import { brief, fixed, largest, nearestGap } from "./numbers.js";
import { policyModes } from "./policy.js";
import { actionName, actionText } from "./words.js";

const MOST_DIGITS = 1e-4; // differences below this are not told apart by more digits

export function makeNow({ $, episode, data }) {
  const { discrete, rewards, returnSoFar, margins, scoresWidth } = data;
  const action = data.singleChoice ? fact($("now"), "action", "") : null;
  action?.parentElement.classList.add("action-fact");
  const reward = fact($("now"), "reward", "");
  const sum = fact($("now"), "return so far", "");
  const texts = episode.texts.map(({ name }) => fact($("texts"), name || "observation", ""));
  const modes = policyModes(data).slice(0, 2);
  const width = Math.max(...modes.map((mode) => mode.width));
  const extents = barExtents(modes[0], data);
  $("actions").append(headOf(modes));
  const body = element("tbody");
  const rows = Array.from({ length: width }, (_, k) => rowOf(data, k, modes.length));
  body.append(...rows.map(({ row }) => row));
  $("actions").append(body);
  $("margin").hidden = margins === null;

  return function showNow(step) {
    if (action) {
      action.textContent = action.title = actionText(data, step);
      action.prepend(swatch(data.taken[step]));
    }
    write(reward, brief(rewards[step]));
    write(sum, brief(returnSoFar[step]));
    texts.forEach((description, k) => { description.textContent = description.title = episode.texts[k].values[step]; });
    const digits = modes.map((mode) => digitsOf(mode, step));
    rows.forEach(({ row, fill, figures }, k) => {
      row.classList.toggle("taken", data.singleChoice && data.taken[step] === k);
      const allowed = !data.allowed || Boolean(data.allowed[step * scoresWidth + k]);
      row.classList.toggle("forbidden", !allowed);
      modes.forEach(({ values, width: size }, position) => {
        const value = k < size ? values[step * size + k] : NaN;
        write(figures[position], allowed && k < size ? fixed(value, ...digits[position]) : allowed || position ? "" : "not allowed");
      });
      showBar(fill, modes[0], extents, step, k, allowed);
    });
    if (margins) write($("margin"), marginText(data, step));
  };
}

function headOf(modes) {
  const head = element("thead");
  const row = element("tr");
  for (const text of ["each action", "as a bar", ...modes.map(({ name }) => name)]) {
    const cell = element("th");
    cell.append(element("span", text === "as a bar" ? "unseen" : "", text));
    cell.scope = "col";
    row.append(cell);
  }
  head.append(row);
  return head;
}

function rowOf(data, k, modes) {
  const row = element("tr", "action");
  const name = element("th");
  name.scope = "row";
  const label = named("span", "", actionName(data, k));
  name.append(swatch(k), label);
  const meter = element("td", "meter");
  const fill = element("span", "meter-fill");
  fill.style.background = swatch(k).style.background;
  meter.append(fill);
  const figures = Array.from({ length: modes }, () => element("td", "figure"));
  row.append(name, meter, ...figures);
  return { row, fill, figures };
}

// The ends of the bars: of probabilities 0 and 1; of other scores the lowest and the highest of the episode.
function barExtents({ values, stacked }, data) {
  if (stacked) return [0, 1];
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(high > low)) return [0, 1];
  return data.discrete ? [low, high] : [Math.min(0, low), Math.max(0, high)];
}

function showBar(fill, { values, width }, [low, high], step, k, allowed) {
  const value = k < width && allowed ? values[step * width + k] : NaN;
  const place = (number) => (100 * (number - low)) / (high - low);
  const start = low < 0 && high > 0 && Number.isFinite(value) ? Math.min(place(0), place(value)) : 0;
  const end = low < 0 && high > 0 ? Math.max(place(0), place(value)) : place(value);
  fill.style.left = `${start}%`;
  fill.style.width = `${Number.isFinite(value) ? Math.max(0, end - start) : 0}%`;
}

// What `fixed` needs so that the scores of a step are told apart: a scale, and digits after its leading digit.
function digitsOf({ values, width, stacked }, step) {
  if (stacked) return [1, 3];
  const row = values.subarray(step * width, (step + 1) * width);
  const scale = largest(values.subarray(step * width, (step + 1) * width)) || 1;
  const gap = Math.max(nearestGap(row), MOST_DIGITS * scale);
  const needed = Number.isFinite(gap) ? Math.ceil(Math.log10(scale / gap)) : 0;
  return [scale, Math.max(2, Math.min(5, needed))];
}

// By how much the action leads the runner-up; an action that was drawn may be behind.
function marginText(data, step) {
  const { scores, scoresWidth, taken, allowed, margins } = data;
  const margin = margins.numbers[step];
  if (!Number.isFinite(margin)) return "no other action was allowed";
  let best = -1;
  for (let k = 0; k < scoresWidth; k++) {
    if (k === taken[step] || (allowed && !allowed[step * scoresWidth + k])) continue;
    if (best < 0 || scores[step * scoresWidth + k] > scores[step * scoresWidth + best]) best = k;
  }
  return `margin ${brief(Math.abs(margin))} ${margins.unit} ${margin < 0 ? "behind" : "ahead of"} ${actionName(data, best)}`;
}
