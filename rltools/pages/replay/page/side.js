// One agent in one episode: what is shown of it, and what a change of that leads to.

const shown = { step: 0, views: [], view: null, feature: 0, present: [], texts: [] };
const parts = {};

function $(name) {
  return (parts[name] ??= root.querySelector(`.${name}`));
}

function start() {
  showFacts();
  if (STEPS === 0) {
    $("empty").textContent = "This episode has no steps.";
    $("empty").hidden = false;
    return;
  }
  shown.views = makeViews();
  for (const name of ["moment", "timeline"]) $(name).hidden = false;
  makeFrame();
  makeObservations();
  makeBars((f) => hub.select(NAMES[f]));
  makeNow();
  makePanels(shown.views.length > 0, (f) => hub.select(NAMES[f]), () => show(shown.step));
  makeChoices();
  makeMoments();
  makeZoom();
  listenToTracks();
  if (shown.views.length) choose(0);
  else withoutViews();
  select(mostImportant());
  fitting.observe($("tracks"));
}

const fitting = new ResizeObserver(fitTracks);

function end() {
  fitting.disconnect();
  for (const { plot } of tracks) plot.destroy();
  root.replaceChildren();
}

function withoutViews() {
  $("caption").textContent = "Nothing was explained in this recording yet.";
  $("views-label").hidden = true;
  $("explained-title").textContent = "Observation at this step";
  $("bars").classList.add("unasked");
}

function makeChoices() {
  shown.views.forEach((view, at) => $("views").append(new Option(clipped(view.name), at)));
  $("views").addEventListener("change", () => hub.choose(shown.views[Number($("views").value)].name));
  $("standardised").addEventListener("change", () => choose(Number($("views").value)));
  $("overlay-label").hidden = !PICTURES.length || !shown.views.length;
  $("overlay").addEventListener("change", () => show(shown.step));
  $("all").addEventListener("change", () => {
    bars.all = $("all").checked;
    if (shown.view) showHeat(shown.view);
    select(shown.feature);
  });
  if (WHAT === "regions") $("feature-term").textContent = "region";
  NAMES.forEach((_, f) => $("chosen-feature").append(new Option(clipped(featureLabel(f)), f)));
  $("chosen-feature").addEventListener("change", () => hub.select(NAMES[Number($("chosen-feature").value)]));
}

function choose(at) {
  $("views").value = at;
  shown.view = drawn(shown.views[at], $("standardised").checked);
  $("standardised-label").hidden = !shown.view.perUnit || !canBeScaled(shown.view);
  showLegend(shown.view);
  showHeat(shown.view);
  heat.track.detail.textContent = `${shown.view.asked.method} of ${shown.view.label}; unit: ${shown.view.unit}`;
  select(shown.feature);
}

function select(f) {
  shown.feature = f;
  $("chosen-feature").value = f;
  if (shown.view) {
    markHeat(f);
    showTrace(shown.view, f);
  }
  showValue(f);
  show(shown.step);
}

function mostImportant() {
  if (!shown.view) return 0;
  const sums = magnitudes(shown.view);
  return sums.indexOf(Math.max(...sums));
}

function recolour() {
  if (shown.view) showLegend(shown.view);
  repaintTracks();
}

function makeNow() {
  if (page.actions.discrete) shown.action = fact($("now"), "action", "");
  shown.reward = fact($("now"), "reward", "");
  shown.sum = fact($("now"), "cumulated", "");
  shown.texts = page.texts.map(({ name }) => fact($("texts"), name || "observation", ""));
  const modes = policyModes().reverse().slice(0, 2); // a logit before the probability it becomes
  if (!page.actions.discrete) modes.reverse();
  $("actions").append(actionRow(element("span"), element("span", "", "each action"), modes.map((mode) => element("span", "figure", mode.name))));
  $("actions").firstElementChild.classList.add("terms");
  const width = Math.max(...modes.map((mode) => mode.width));
  for (let k = 0; k < width; k++) {
    const figures = modes.map(() => element("span", "figure"));
    const row = actionRow(swatch(k), named("span", "", actionName(k)), figures);
    $("actions").append(row);
    shown.present.push({ row, figures });
  }
  shown.modes = modes.map((mode) => ({ ...mode, scale: spread(mode) }));
}

// How far apart the actions are at most: large scores that differ little need their digits.
function spread({ values, width }) {
  let found = 0;
  for (let t = 0; t < STEPS; t++) {
    const row = values.subarray(t * width, (t + 1) * width);
    found = Math.max(found, width > 1 ? Math.max(...row) - Math.min(...row) : Math.abs(row[0]));
  }
  return found || largest(values);
}

function actionRow(mark, name, figures) {
  const row = element("div", "action");
  row.append(mark, name, ...figures);
  return row;
}

// Of two episodes beside one another one may be over before the other.
function showUntilEnd(step) {
  $("over").hidden = step < STEPS;
  if (step >= STEPS) $("over").textContent = `over: ${page.outcome.ended} after ${STEPS} steps`;
  show(Math.min(step, STEPS - 1));
}

function show(step) {
  shown.step = step;
  showFrame(step);
  if (shown.action) shown.action.textContent = actionTaken(step);
  shown.reward.textContent = brief(rewards[step]);
  shown.sum.textContent = brief(cumulated[step]);
  shown.present.forEach(({ row, figures }, k) => {
    row.classList.toggle("taken", page.actions.discrete && TAKEN_WIDTH === 1 && taken[step] === k);
    shown.modes.forEach(({ values, width, scale }, column) => {
      figures[column].textContent = k < width ? fixed(values[step * width + k], scale) : "";
    });
  });
  showObservations(shown.view, step, $("overlay").checked);
  shown.texts.forEach((entry, at) => { entry.textContent = entry.title = page.texts[at].values[step]; });
  showBars(shown.view, step);
  if (shown.view) showCaption(shown.view, step);
  showPresent(shown.view, shown.feature, step);
  follow(step);
  markStep(step);
  markMoment(step);
}

function showCaption(view, step) {
  const value = view.explained[step];
  const sums = PICTURES.length ? ` ${WHAT === "regions" ? "Each row" : "The row of a region"} is the sum over ${WHAT === "regions" ? "a region" : "it"}, all channels${PICTURES.some(({ stacked }) => stacked) ? " and moments" : ""} together.` : "";
  $("caption").textContent = `${view.asked.method} of ${view.label}; unit: ${view.unit}.${Number.isFinite(value) ? composed(view, step, value) : ""}${sums}`;
}

// The explained scalar, and where it can be told, of what it is made.
function composed(view, step, value) {
  const residual = view.residual ? view.residual[step] : NaN;
  const rest = Number.isFinite(residual) ? ` Left unexplained: ${brief(residual)}.` : "";
  if (view.start === null || !Number.isFinite(view.start[step])) return ` ${view.label} is ${brief(value)} at step ${step}.${rest}`;
  const [from, by] = [view.start[step], view.sum[step]].map((part) => fixed(part, Math.max(Math.abs(value), Math.abs(part), view.robust), 3));
  return ` ${view.label} is ${brief(value)} at step ${step}: it starts from ${from}, the mean score of the references, and the bars add ${by}.${rest}`;
}

start();

return {
  moments: page.moments,
  show: STEPS ? showUntilEnd : () => {},
  said: (step) => (step < STEPS ? actionTaken(step) : "over"),
  choose: (name) => pick(shown.views.findIndex((view) => view.name === name), choose),
  select: (name) => pick(NAMES.indexOf(name), select),
  following: (by) => shown.views[($("views").selectedIndex + by + shown.views.length) % shown.views.length]?.name,
  zoom: STEPS ? zoom : () => {},
  recolour: STEPS ? recolour : () => {},
  end,
};

// The other side may not have what was chosen on this one.
function pick(at, change) {
  if (at >= 0) change(at);
}
