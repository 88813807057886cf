// The tracks of an episode: attribution, the feature itself, what the policy thought and did, and what it got.

const panels = { trace: null, value: null, strip: null, policy: null, reward: null, policyMode: 0, rewardMode: 0 };

function makePanels(hasViews, select, changed) {
  if (hasViews) {
    makeHeat(select);
    // Of a crowd only the selected one has a line.
    const others = COUNT <= CROWD ? NAMES.map(() => line("--faint", 1)) : [];
    panels.trace = makeTrack({ title: "", height: 96, lines: [...others, line("--accent", 1.75)], range: withZero, tip: (step) => [[NAMES[shown.feature], attributionText(shown.view, step, shown.feature)]] });
  }
  if (OBSERVED_WIDTH) panels.value = makeTrack({ title: "", height: 84, lines: [line("--ink", 1.25)], tip: (step) => valueLine(step, shown.feature) });
  if (page.actions.discrete && TAKEN_WIDTH === 1) {
    panels.strip = makeTrack({ title: "Action", height: 26, paint: paintStrip, tip: (step) => [["action", actionTaken(step), seriesColour(taken[step])]] });
    panels.strip.box.classList.add("strip-track");
  }
  makePolicyPanel(changed);
  panels.reward = makeTrack({ title: "Reward", height: 84, lines: [line("--ink", 1.25)], axis: true, tip: (step) => [["reward", brief(rewards[step])], ["cumulated", brief(cumulated[step])]] });
  choice(panels.reward.extra, ["cumulated", "each step"], (mode) => { panels.rewardMode = mode; showReward(); changed(); });
  showReward();
}

function withZero(_, low, high) {
  return around(Math.min(low ?? 0, 0), Math.max(high ?? 0, 0));
}

function policyModes() {
  const { score, discrete } = page.actions;
  if (probabilities) return [{ name: "probability", values: probabilities, width: SCORES_WIDTH, stacked: true }, { name: score, values: scores, width: SCORES_WIDTH }];
  const scored = { name: score, values: scores, width: SCORES_WIDTH };
  if (discrete && SCORES_WIDTH > 1) return [{ name: "above mean", values: aboveMean(), width: SCORES_WIDTH }, scored];
  return discrete || score === "action" ? [scored] : [{ name: "taken", values: taken, width: TAKEN_WIDTH }, scored];
}

// What is common to all actions, as the value of a state is, hides how they differ.
function aboveMean() {
  const found = scores.slice();
  for (let t = 0; t < STEPS; t++) {
    const row = found.subarray(t * SCORES_WIDTH, (t + 1) * SCORES_WIDTH);
    const mean = row.reduce((a, b) => a + b, 0) / SCORES_WIDTH;
    row.forEach((score, k) => { row[k] = score - mean; });
  }
  return found;
}

function makePolicyPanel(changed) {
  const modes = policyModes();
  const width = Math.max(...modes.map((mode) => mode.width));
  const lines = Array.from({ length: width }, (_, k) => line(seriesColour(k), 1.5, k < SERIES.length ? undefined : [6, 4]));
  const mode = () => modes[panels.policyMode];
  panels.policy = makeTrack({
    title: page.actions.discrete ? "Scores" : "Action",
    height: 110,
    lines,
    range: (_, low, high) => (mode().stacked ? [0, 1] : around(low, high)),
    paint: (u) => { if (mode().stacked) paintRibbons(u, mode().values, mode().width); },
    tip: (step) => policyTip(mode(), step),
  });
  const key = element("div", "key");
  for (let k = 0; k < Math.min(width, 12); k++) {
    const entry = element("span", "key-entry");
    entry.append(swatch(k), named("span", "", actionName(k)));
    key.append(entry);
  }
  const show = (mode) => {
    panels.policyMode = mode;
    if (modes.length === 1) panels.policy.detail.textContent = modes[mode].name;
    setLines(panels.policy, lines.map((_, k) => (k < modes[mode].width && !modes[mode].stacked ? column(modes[mode].values, modes[mode].width, k) : new Array(STEPS).fill(null))));
  };
  if (modes.length > 1) choice(panels.policy.extra, modes.map((mode) => mode.name), (mode) => { show(mode); changed(); });
  panels.policy.box.firstElementChild.append(key);
  show(0);
}

// The largest first, as far as there is room.
function policyTip({ name, values, width }, step) {
  const row = Array.from(values.subarray(step * width, (step + 1) * width));
  const order = row.map((_, k) => k).sort((a, b) => row[b] - row[a]).slice(0, 8);
  return [[name, ""], ...order.map((k) => [actionName(k), fixed(row[k], largest(row), 2), seriesColour(k)])];
}

function attributionText(view, step, f) {
  const value = view.values[step * COUNT + f];
  return Number.isFinite(value) ? `${signed(value, view.robust)} ${view.unit}` : "not explained";
}

function valueLine(step, f) {
  return KINDS[f] === "region" ? [] : [["value", `${valueText(step, f)} ${UNITS[f] ?? ""}`.trim()]];
}

function swatch(k) {
  const made = element("span", "swatch");
  made.style.background = seriesColour(k);
  return made;
}

function paintStrip(u) {
  const { left, top, width, height } = u.bbox;
  const cell = width / (span.to - span.from);
  for (let t = span.from; t < Math.min(span.to, STEPS); t++) {
    const from = left + (t - span.from) * cell;
    u.ctx.fillStyle = seriesColour(taken[t]);
    u.ctx.fillRect(Math.floor(from), top, Math.ceil(from + cell) - Math.floor(from), height);
  }
}

function showReward() {
  setLines(panels.reward, [Array.from(panels.rewardMode === 0 ? cumulated : rewards, (x) => (Number.isFinite(x) ? x : null))]);
}

function nameTrack({ name }, f) {
  name.textContent = NAMES[f];
  name.title = NAMES[f];
  name.classList.toggle("long", NAMES[f].length > LONG);
}

function showTrace(view, f) {
  const columns = COUNT <= CROWD ? NAMES.map((_, k) => column(view.values, COUNT, k)) : [];
  nameTrack(panels.trace, f);
  panels.trace.detail.textContent = `attribution, ${view.unit}`;
  setLines(panels.trace, [...columns, column(view.values, COUNT, f)]);
}

function showValue(f) {
  if (!panels.value) return;
  panels.value.box.hidden = KINDS[f] === "region";
  if (panels.value.box.hidden) return;
  fitTracks(); // one that was hidden has no width
  nameTrack(panels.value, f);
  panels.value.detail.textContent = UNITS[f] ? `value, ${UNITS[f]}` : "value";
  panels.value.detail.title = UNITS[f] ?? "";
  setLines(panels.value, [column(observed, OBSERVED_WIDTH, OBSERVED_AT[f])]);
}

function showPresent(view, f, step) {
  if (panels.trace) {
    const value = view.values[step * COUNT + f];
    panels.trace.now.textContent = Number.isFinite(value) ? signed(value, view.robust) : "not explained";
  }
  if (panels.value) panels.value.now.textContent = valueText(step, f);
  if (panels.strip) panels.strip.now.textContent = actionTaken(step);
  panels.reward.now.textContent = brief(panels.rewardMode === 0 ? cumulated[step] : rewards[step]);
}
