// Small pieces of the document. All text goes through textContent, so that no name can become markup.

function $(id) {
  return document.getElementById(id);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function named(tag, className, text) {
  const made = element(tag, `${className} name`.trim(), text);
  made.title = text;
  return made;
}

// The middle of a long name is left out: what tells it from others is as often at its end.
function clipped(text) {
  return text.length > 72 ? `${text.slice(0, 40)}…${text.slice(-31)}` : text;
}

function fact(list, term, value) {
  const entry = element("div", "fact");
  const shown = named("dd", "", value);
  entry.append(element("dt", "", term), shown);
  list.append(entry);
  return shown;
}

function choice(host, options, change) {
  const buttons = options.map((option, at) => {
    const button = element("button", "", option);
    button.type = "button";
    button.addEventListener("click", (event) => {
      press(at);
      change(at);
      if (event.detail > 0) button.blur(); // after a click with the mouse the space bar plays again
    });
    return button;
  });
  const press = (at) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === at)));
  host.append(...buttons);
  press(0);
}

function showFacts() {
  const { outcome } = page;
  $("title").textContent = page.title;
  $("title").title = page.title;
  const list = $("facts");
  if (page.title !== page.policy) fact(list, "agent", page.policy);
  if (page.environment) fact(list, "environment", page.environment);
  fact(list, "episode", String(outcome.number));
  fact(list, "seed", String(outcome.seed));
  fact(list, "steps", String(STEPS));
  fact(list, "return", brief(outcome.total_reward));
  fact(list, "ended", outcome.fault ? `${outcome.ended}: ${outcome.fault}` : outcome.ended);
  const more = $("provenance");
  fact(more, "policy", `${page.library}, sha256 ${page.sha256.slice(0, 12)}`).title = page.sha256;
  fact(more, "actions", page.deterministic ? "the policy's best" : "drawn from the policy");
  fact(more, "explained", page.attributions.map((a) => `${a.target} by ${a.method} (${parameters(a)})`).join("; ") || "nothing");
  if (page.notes.length) fact(more, "caveats", page.notes.join("; "));
  if (outcome.outside) fact(more, "observations outside the declared space", String(outcome.outside));
  fact(more, "made by", Object.entries(page.versions).map(([name, version]) => `${name} ${version}`).join(", ") || "rltools");
  fact(more, "make again", page.again);
}
