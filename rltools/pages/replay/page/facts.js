// What holds for the episode as a whole, and where its numbers come from.

import { byId, element, fact } from "./document.js";
import { brief } from "./numbers.js";
import { termMeaning, termName } from "./terms.js";
import { parametersText } from "./words.js";

// Facts that two sides share stand at the top of the page once; the others under the name of each agent.
export function showFacts({ $, episode }, alone) {
  const { outcome } = episode;
  const shared = byId("facts");
  const own = alone ? shared : $("facts");
  shared.replaceChildren();
  if (alone && episode.title !== episode.policy) fact(shared, "agent", episode.policy);
  if (episode.environment) brieflyNamed(shared, "environment", episode.environment);
  if (alone) fact(shared, "episode", String(outcome.number));
  fact(shared, "seed", String(outcome.seed));
  $("heading").hidden = alone;
  $("agent").textContent = $("agent").title = episode.policy;
  fact(own, "steps", String(outcome.steps));
  fact(own, "return", brief(outcome.total_reward));
  brieflyNamed(own, "ended", outcome.fault ? `${outcome.ended}: ${outcome.fault}` : outcome.ended);
  showProvenance(episode, alone);
}

// A fact that says by itself what it is: its term is for those who listen.
function brieflyNamed(list, term, value) {
  fact(list, term, value).previousElementSibling.className = "unseen";
}

function showProvenance(episode, alone) {
  const provenance = element("dl", "provenance");
  const explained = episode.attributions.map((each) => {
    const settings = parametersText(each);
    return `${each.target} by ${each.title}${settings ? ` (${settings})` : ""}`;
  });
  const versions = Object.entries(episode.versions).map(([name, version]) => `${name} ${version}`);
  if (!alone) fact(provenance, "agent", `${episode.policy}, episode ${episode.outcome.number} of ${episode.recording}`);
  fact(provenance, "policy", `${episode.library}, sha256 ${episode.sha256.slice(0, 12)}`).title = episode.sha256;
  const actions = episode.deterministic ? "deterministic" : "sampled";
  fact(provenance, "actions", termName(actions)).title = termMeaning(actions);
  fact(provenance, "explained", explained.join("; ") || "nothing");
  if (episode.notes.length) fact(provenance, "caveats", episode.notes.join("; "));
  const { out_of_space: outside } = episode.outcome;
  if (outside) fact(provenance, "observations outside the declared space", String(outside));
  fact(provenance, "made by", versions.join(", ") || "rltools");
  byId("provenance").append(provenance);
}
