// What is known of the episode as a whole.

function showFacts() {
  const { outcome } = page;
  const list = hub.facts ?? $("facts");
  list.replaceChildren();
  $("heading").hidden = Boolean(hub.facts);
  $("who").textContent = $("who").title = page.policy;
  if (hub.facts && page.title !== page.policy) fact(list, "agent", page.policy);
  if (!hub.facts) fact(list, "recording", page.recording);
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
}
