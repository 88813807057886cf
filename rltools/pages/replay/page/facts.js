// What holds for the episode as a whole, and where its numbers come from.

import { fact } from "./document.js";
import { brief } from "./numbers.js";
import { termMeaning, termName } from "./terms.js";
import { parametersText } from "./words.js";

// A single side has its facts at the top of the page, in `host`; each of two has them under a heading of its own.
export function showFacts({ $, episode }, host) {
  const { outcome } = episode;
  const list = host ?? $("facts");
  list.replaceChildren();
  $("heading").hidden = Boolean(host);
  $("agent").textContent = $("agent").title = episode.policy;
  if (host && episode.title !== episode.policy) fact(list, "agent", episode.policy);
  if (!host) fact(list, "recording", episode.recording);
  if (episode.environment) fact(list, "environment", episode.environment);
  fact(list, "episode", String(outcome.number));
  fact(list, "seed", String(outcome.seed));
  fact(list, "steps", String(outcome.steps));
  fact(list, "return", brief(outcome.total_reward));
  fact(list, "ended", outcome.fault ? `${outcome.ended}: ${outcome.fault}` : outcome.ended);
  const provenance = $("provenance");
  const explained = episode.attributions.map((each) => `${each.target} by ${each.method} (${parametersText(each)})`);
  const versions = Object.entries(episode.versions).map(([name, version]) => `${name} ${version}`);
  fact(provenance, "policy", `${episode.library}, sha256 ${episode.sha256.slice(0, 12)}`).title = episode.sha256;
  const actions = episode.deterministic ? "deterministic" : "sampled";
  fact(provenance, "actions", termName(actions)).title = termMeaning(actions);
  fact(provenance, "explained", explained.join("; ") || "nothing");
  if (episode.notes.length) fact(provenance, "caveats", episode.notes.join("; "));
  if (outcome.out_of_space) fact(provenance, "observations outside the declared space", String(outcome.out_of_space));
  fact(provenance, "made by", versions.join(", ") || "rltools");
}
