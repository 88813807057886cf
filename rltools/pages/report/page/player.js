// The player: one step of an episode, with its frame, its action and the attributions of what was observed.

import { addressOf, readAddress } from "../../replay/page/address.js";
import { byId, choice, element, named } from "../../replay/page/document.js";
import { brief } from "../../replay/page/numbers.js";
import { makeBars } from "./bars_of_step.js";
import { actionOf } from "./action.js";
import { drawObservation } from "./observation.js";
import { replayAddress } from "./replays.js";
import { readSteps } from "./steps.js";

export function makePlayer() {
  const host = byId("player");
  if (!host) return null;
  const data = readSteps();
  const { index } = data;
  const state = { episode: null, step: 0, label: 0, decides: false, pinned: null };
  const bars = makeBars(byId("player-bars"), index);
  const canvases = makeCanvases();
  makeChoices();
  byId("player-close").addEventListener("click", close);
  byId("player-previous").addEventListener("click", () => move(-1));
  byId("player-next").addEventListener("click", () => move(1));
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", openAddress);
  host.hidden = false;
  if (!openAddress()) {
    const [episode, step] = host.dataset.first.split(":").map(Number);
    draw(episode, step);
  }

  function makeChoices() {
    if (index.decides) {
      byId("player-modes").hidden = false;
      const modes = [byId("player-modes").dataset.score, byId("player-modes").dataset.decision];
      choice(byId("player-modes"), modes, (k) => { state.decides = k === 1; redraw(); });
    }
    if (index.labels.length > 1) {
      const select = byId("player-label");
      index.labels.forEach((label, k) => select.append(new Option(label, k)));
      select.addEventListener("change", () => { state.label = Number(select.value); redraw(); });
      select.hidden = false;
    }
  }

  function makeCanvases() {
    const count = Math.max(0, ...data.numbers.slice(0, 1).map((number) => data.episode(number).images.length));
    return Array.from({ length: count }, () => {
      const canvas = element("canvas");
      canvas.setAttribute("role", "img");
      byId("player-pictures").append(canvas);
      return canvas;
    });
  }

  // A step that is only pointed at; a pinned one comes back when the pointer leaves.
  function show(episode, step) {
    if (!data.episode(episode)) return;
    host.classList.add("open");
    draw(episode, step);
  }

  function leave() {
    if (state.pinned) draw(...state.pinned);
    else host.classList.remove("open");
  }

  function pin(episode, step) {
    const of = data.episode(episode);
    if (!of) return false;
    state.pinned = [episode, of.steps[of.position(step)] ?? 0];
    history.replaceState(history.state, "", addressOf(...state.pinned));
    host.classList.add("open");
    draw(...state.pinned);
    byId("player-said").textContent = byId("player-step").textContent;
    return true;
  }

  function close() {
    state.pinned = null;
    history.replaceState(history.state, "", location.pathname + location.search);
    host.classList.remove("open", "pinned");
  }

  function openAddress() {
    const { episode, step } = readAddress();
    return episode !== null && step !== null && pin(episode, step);
  }

  function move(by) {
    const of = data.episode(state.episode);
    const next = of.steps[of.position(state.step) + by];
    if (next !== undefined) pin(state.episode, next);
  }

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.key === "Escape" && state.pinned) close();
    const by = { ",": -1, ".": 1 }[event.key];
    const arrows = host.contains(event.target) ? { ArrowLeft: -1, ArrowRight: 1 }[event.key] : 0;
    if (by || arrows) {
      event.preventDefault();
      move(by || arrows);
    }
  }

  function draw(episode, step) {
    const of = data.episode(episode);
    if (!of || !of.steps.length) return;
    const k = of.position(step);
    state.episode = episode;
    state.step = of.steps[k];
    const pinned = Boolean(state.pinned) && state.pinned[0] === episode && state.pinned[1] === state.step;
    host.classList.toggle("pinned", pinned);
    host.dataset.episode = episode;
    host.dataset.step = state.step;
    byId("player-step").textContent = `episode ${episode}, step ${state.step} of ${of.total - 1}`;
    byId("player-episode").textContent = `return ${brief(of.return)}, ${of.ended}`;
    showFrame(of);
    canvases.forEach((canvas, part) => drawObservation(canvas, of, part, k, state.label, index.labels.length));
    showAction(of, k);
    bars.show(of, k, state);
    byId("player-previous").disabled = k === 0;
    byId("player-next").disabled = k === of.steps.length - 1;
    const link = byId("player-replay");
    link.hidden = !of.replay;
    if (!of.replay) return;
    link.href = replayAddress(of.replay, state.step);
    link.dataset.file = of.replay;
    link.dataset.at = state.step;
  }

  function showFrame({ frames, number }) {
    const image = byId("player-frame");
    image.hidden = !frames;
    byId("player-no-frame").hidden = Boolean(frames) || canvases.length > 0;
    if (!frames) return;
    image.src = frames.images[Math.min(frames.images.length - 1, Math.round(state.step / frames.every))];
    image.alt = `${index.environment} at step ${state.step} of episode ${number}`;
  }

  function showAction(of, k) {
    const { name, margin, color } = actionOf(index, of, k);
    const mark = element("span", "swatch");
    mark.hidden = color === null;
    if (color !== null) mark.style.background = `var(--action-${color})`;
    byId("player-action").replaceChildren(mark, named("b", "", name), element("span", "margin", margin));
  }

  function redraw() {
    if (state.episode !== null) draw(state.episode, state.step);
  }

  return { show, leave, pin, redraw };
}
