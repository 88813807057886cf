// A side of the page: one agent in one episode, and how its parts follow the reader's choices.

import { makeBars } from "./bars.js";
import { captionText } from "./caption.js";
import { unpackEpisode } from "./data.js";
import { clipped } from "./document.js";
import { showFacts } from "./facts.js";
import { makeHighlights } from "./highlights.js";
import { makeFrame, makeObservations } from "./images.js";
import { showLegend } from "./legend.js";
import { makeNow } from "./now.js";
import { makePanels } from "./panels.js";
import { makeSpan } from "./span.js";
import { makeTracks } from "./tracks.js";
import { canBeScaled, drawView, magnitudes, makeViews } from "./views.js";
import { actionText, featureLabel } from "./words.js";

// `extent` is the number of steps of the longer side, `facts` the element for the facts if there is only one side.
// `commands` act on all sides: `seek(step)`, `choose(view name)`, `select(feature name)`, `zoom(factor)`.
export function makeSide(root, episode, { extent, facts, commands }) {
  const parts = {};
  const $ = (name) => (parts[name] ??= root.querySelector(`.${name}`));
  const data = unpackEpisode(episode);
  const state = { step: 0, view: null, feature: 0, allRows: false };
  const side = { $, episode, data, state, commands };
  showFacts(side, facts);
  return data.steps ? fillSide(side, root, extent) : emptySide(side, root);
}

function emptySide({ $, episode }, root) {
  $("empty").textContent = "This episode has no steps.";
  $("empty").hidden = false;
  const nothing = () => {};
  return {
    highlights: episode.highlights,
    describe: () => "over",
    show: nothing,
    choose: nothing,
    select: nothing,
    viewAfter: nothing,
    zoom: nothing,
    recolor: nothing,
    end: () => root.replaceChildren(),
  };
}

function fillSide(side, root, extent) {
  const { $, episode, data, state, commands } = side;
  const { names, noun, steps } = data;
  const views = makeViews(episode.attributions, data);
  for (const name of ["moment", "timeline"]) $(name).hidden = false;
  const showFrame = makeFrame(side);
  const showObservations = makeObservations(side);
  const showBars = makeBars(side);
  const showNow = makeNow(side);
  const span = makeSpan(side, extent);
  const tracks = makeTracks(side, span);
  const panels = makePanels(side, span, tracks, views.length > 0, () => show(state.step));
  const markHighlight = makeHighlights(side, span, root.querySelector(".u-over"));
  span.onChange(() => tracks.markStep(state.step));
  makeChoices();
  if (views.length) choose(0);
  else withoutViews();
  select(mostImportant());
  const fitting = new ResizeObserver(tracks.fit);
  fitting.observe($("tracks"));

  function makeChoices() {
    views.forEach((view, k) => $("views").append(new Option(clipped(view.name), k)));
    $("views").addEventListener("change", () => commands.choose(views[Number($("views").value)].name));
    $("standardized").addEventListener("change", () => choose(Number($("views").value)));
    $("overlay-label").hidden = !data.images.length || !views.length;
    $("overlay").addEventListener("change", () => show(state.step));
    $("all-rows").addEventListener("change", () => {
      state.allRows = $("all-rows").checked;
      if (state.view) panels.showView(state.view);
      select(state.feature);
    });
    if (noun === "regions") $("feature-term").textContent = "region";
    names.forEach((_, f) => $("chosen-feature").append(new Option(clipped(featureLabel(data, f)), f)));
    $("chosen-feature").addEventListener("change", () => commands.select(names[Number($("chosen-feature").value)]));
  }

  function withoutViews() {
    $("caption").textContent = "Nothing was explained in this recording yet.";
    $("views-label").hidden = true;
    $("explained-title").textContent = "Observation at this step";
    $("bars").classList.add("without-attribution");
  }

  function choose(k) {
    $("views").value = k;
    state.view = drawView(views[k], data, $("standardized").checked);
    $("standardized-label").hidden = !state.view.perUnit || !canBeScaled(views[k], data);
    showLegend($("legend"), state.view);
    panels.showView(state.view);
    select(state.feature);
  }

  function select(f) {
    state.feature = f;
    $("chosen-feature").value = f;
    panels.showFeature(state.view, f);
    show(state.step);
  }

  function mostImportant() {
    if (!state.view) return 0;
    const sums = magnitudes(state.view, data.count);
    return sums.indexOf(Math.max(...sums));
  }

  function show(step) {
    const { view, feature } = state;
    state.step = step;
    showFrame(step);
    showNow(step);
    showObservations(view, step, $("overlay").checked);
    showBars(view, step);
    if (view) {
      $("caption").textContent = captionText(side, view, step);
      $("caption").title = view.attribution.meaning;
    }
    panels.showStep(view, feature, step);
    span.follow(step);
    tracks.markStep(step);
    markHighlight(step);
  }

  // The episode of this side may be over before the other one.
  function showUntilEnd(step) {
    $("over").hidden = step < steps;
    if (step >= steps) $("over").textContent = `over: ${episode.outcome.ended} after ${steps} steps`;
    show(Math.min(step, steps - 1));
  }

  function recolor() {
    if (state.view) showLegend($("legend"), state.view);
    tracks.repaint();
  }

  function end() {
    fitting.disconnect();
    tracks.destroy();
    root.replaceChildren();
  }

  // This side may not have the view or feature that was chosen on the other.
  function ifPresent(k, change) {
    if (k >= 0) change(k);
  }

  return {
    highlights: episode.highlights,
    describe: (step) => (step < steps ? actionText(data, step) : "over"),
    show: showUntilEnd,
    choose: (name) => ifPresent(views.findIndex((view) => view.name === name), choose),
    select: (name) => ifPresent(names.indexOf(name), select),
    viewAfter: (by) => views[($("views").selectedIndex + by + views.length) % views.length]?.name,
    zoom: span.zoom,
    recolor,
    end,
  };
}
