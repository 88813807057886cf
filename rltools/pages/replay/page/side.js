// A side of the page: one agent at one step of one episode, and how its parts follow the reader's choices.

import { makeBars } from "./bars.js";
import { captionText, sourceText } from "./caption.js";
import { clock } from "./clock.js";
import { largestFeatures } from "./crowd.js";
import { unpackEpisode } from "./data.js";
import { clipped, write } from "./document.js";
import { showFacts } from "./facts.js";
import { makeFrame, makeObservations } from "./images.js";
import { showLegend } from "./legend.js";
import { makeNow } from "./now.js";
import { canBeScaled, drawView, magnitudes, makeViews } from "./views.js";
import { actionText } from "./words.js";

const oneScreen = matchMedia("(min-width: 900px) and (min-height: 560px)"); // the same as in the style sheet
const ROW = [17, 36]; // heights of a row of bars
const ROOM = 0.38; // of the width at most for the frame

// `alone` is whether there is only one side, `short` the name of the agent where there are two. `commands` act on all
// sides: `choose(view name)`, `select(feature name)`, `point(feature name)`.
export function makeSide(root, episode, { alone, short, level, commands }) {
  const parts = {};
  const $ = (name) => (parts[name] ??= root.querySelector(`.${name}`));
  const data = unpackEpisode(episode, level);
  const state = { step: 0, view: null, feature: 0, allRows: false };
  const side = { $, root, episode, data, state, commands, short: alone ? "" : short, views: [], highlights: episode.highlights };
  showFacts(side, alone);
  return data.steps ? fillSide(side, alone) : emptySide(side);
}

function emptySide(side) {
  const { $, root } = side;
  $("empty").textContent = "This episode has no steps.";
  $("empty").hidden = false;
  const nothing = () => {};
  const parts = { show: nothing, choose: nothing, select: nothing, mark: nothing, viewAfter: nothing, fit: nothing };
  return { ...side, ...parts, describe: () => "over", setAllRows: nothing, recolor: nothing, share: nothing, end: () => root.replaceChildren() };
}

function fillSide(side, alone) {
  const { $, root, episode, data, state, commands } = side;
  const { names, kinds, steps } = data;
  const views = makeViews(episode.attributions, data);
  side.views = views;
  for (const name of ["explained", "decided"]) $(name).hidden = false;
  $("frame").hidden = !episode.frames;
  const showFrame = makeFrame($("frame-image"), episode.frames);
  const handlers = {
    select: (f) => commands.select(names[f]),
    point: (f) => commands.point(f < 0 ? null : names[f]),
  };
  // With images alone, regions are seen on them, and have bars only if the reader wants them.
  const onImages = data.images.length > 0 && kinds.every((kind) => kind === "region" || kind === "image");
  const featureOfRow = new Map(data.members.flatMap((own, f) => own.map((row) => [row, f])));
  const regionOf = (k, box) => featureOfRow.get(data.images[k].first_row + box) ?? -1;
  const observations = makeObservations($("observations"), data, { ...handlers, regionOf });
  const bars = makeBars($("bars"), data, handlers);
  $("bars").tabIndex = 0;
  root.classList.toggle("pictured", data.images.length > 0);
  $("bars").addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    commands.next(by);
    event.preventDefault();
    event.stopPropagation();
  });
  const showNow = makeNow(side);
  let rows = [];
  makeChoices();
  if (views.length) choose(0);
  else withoutViews();

  function makeChoices() {
    views.forEach((view, k) => $("views").append(new Option(clipped(view.name), k)));
    $("views").addEventListener("change", () => commands.choose(views[Number($("views").value)].name));
    $("standardized").addEventListener("change", () => {
      choose(Number($("views").value));
      commands.changed();
    });
    $("bars").classList.toggle("collapsed", onImages);
    $("region-bars-label").hidden = !onImages || !views.length;
    $("region-bars").addEventListener("change", () => {
      $("bars").classList.toggle("collapsed", !$("region-bars").checked);
      fit();
    });
  }

  function withoutViews() {
    $("caption").textContent = "Nothing was explained in this recording yet.";
    $("views").hidden = true;
    $("explained-title").textContent = "What the agent observes";
    bars.show(null, 0);
  }

  function choose(k) {
    $("views").value = k;
    state.view = drawView(views[k], data, $("standardized").checked);
    $("standardized-label").hidden = !state.view.perUnit || !canBeScaled(views[k], data);
    $("caption").title = state.view.attribution.meaning;
    showLegend($("legend"), state.view, !alone);
    setRows();
  }

  // A scale that both sides share, or null for each its own.
  function share(robust) {
    if (!state.view) return;
    state.view.robust = robust ?? state.view.robust;
    showLegend($("legend"), state.view, !alone);
  }

  function select(f) {
    state.feature = f;
    setRows();
    mark(-1);
  }

  function mark(pointed) {
    bars.mark(state.feature, pointed);
    observations.mark(state.feature, pointed);
  }

  function mostImportant() {
    if (!state.view) return 0;
    const sums = magnitudes(state.view, data.count);
    return sums.indexOf(Math.max(...sums));
  }

  // As many rows as there is room for, those that matter most over the whole episode; all of them may scroll.
  function setRows() {
    const sizes = state.view ? magnitudes(state.view, data.count) : new Float64Array(data.count);
    const room = $("bars").clientHeight || 16 * ROW[0];
    const fitting = data.images.length ? Math.max(2, Math.floor((0.4 * root.clientHeight) / 22)) : Math.max(4, Math.floor(room / ROW[0]));
    const most = state.allRows ? data.count : Math.min(data.count, oneScreen.matches ? fitting : 24);
    rows = largestFeatures(sizes, most, state.feature);
    const height = data.images.length || !oneScreen.matches || state.allRows ? 22 : Math.max(ROW[0], Math.min(kinds.includes("options") ? 2 * ROW[1] : ROW[1], Math.floor(room / rows.length)));
    $("bars").style.setProperty("--row", `${height}px`);
    bars.setFeatures(rows);
    bars.mark(state.feature, -1);
    $("row-count").hidden = onImages && !$("region-bars").checked;
    $("row-count").textContent = rows.length < data.count ? `${rows.length} of ${data.count} ${data.noun}, those that matter most` : "";
    bars.show(state.view, state.step, weak(state.step));
  }

  // While a sample of the steps is played, all steps look alike: bars that change their strength would flicker.
  function weak(step) {
    const { view } = state;
    return Boolean(view) && view.sampled && (clock.playing || view.held[step] !== step);
  }

  function show(step) {
    const { view } = state;
    state.step = step;
    showFrame(step);
    showNow(step);
    observations.show(view, step);
    bars.show(view, step, weak(step));
    if (!view) return;
    write($("caption"), captionText(side, view, step));
    write($("source"), sourceText(view, step));
  }

  // The episode of this side may be over before the other one.
  function showUntilEnd(step) {
    $("over").hidden = alone || step < steps;
    if (step >= steps) $("over").textContent = `over: ${episode.outcome.ended} after ${steps} steps`;
    show(Math.min(step, steps - 1));
  }

  // Gives the frame and the images the sizes that the side has room for.
  function fit() {
    const [width, height] = [root.clientWidth, root.clientHeight];
    const wide = oneScreen.matches;
    if (episode.frames) {
      const [x, y] = episode.frames.size;
      const most = alone ? Math.min(ROOM * width, (height * x) / y) : Math.min(0.42 * width, (height * 0.38 * x) / y);
      root.style.setProperty("--frame", wide ? `${Math.floor(most)}px` : "100%");
    }
    fitImages(wide);
    setRows();
  }

  function fitImages(wide) {
    const host = $("observations");
    if (host.hidden) return;
    const shapes = data.images.map(({ size: [y, x] }) => x / y);
    const count = (state.view ? 2 : 1) * shapes.reduce((sum, shape) => sum + shape, 0);
    const gaps = 8 * 2 * shapes.length;
    const across = (host.clientWidth - gaps) / count;
    const captions = 20;
    const size = wide ? Math.min(across, host.clientHeight - captions) : Math.min(320, (host.clientWidth - gaps) / (2 * Math.max(...shapes)));
    observations.figures.forEach(({ canvases }, k) => {
      for (const canvas of canvases) {
        canvas.style.height = `${Math.max(72, Math.floor(size))}px`;
        canvas.style.width = `${Math.max(72, Math.floor(size * shapes[k]))}px`;
      }
    });
  }

  function recolor() {
    if (state.view) showLegend($("legend"), state.view, !alone);
    observations.redraw();
  }

  // This side may not have the view or feature that was chosen on the other.
  function ifPresent(k, change) {
    if (k >= 0) change(k);
  }

  return {
    ...side,
    describe: (step) => (step < steps ? actionText(data, step) : "over"),
    show: showUntilEnd,
    choose: (name) => ifPresent(views.findIndex((view) => view.name === name), choose),
    select: (name) => ifPresent(names.indexOf(name), select),
    mark: (name) => mark(name === null ? -1 : names.indexOf(name)),
    viewAfter: (by) => views[($("views").selectedIndex + by + views.length) % views.length]?.name,
    setAllRows: (all) => { state.allRows = all; setRows(); },
    mostImportant,
    share,
    fit,
    recolor,
    end: () => root.replaceChildren(),
  };
}
