// The steps that the page carries, unpacked when an episode is first looked at.

import { byId } from "../../replay/page/document.js";
import { unpack } from "../../replay/page/packing.js";

export function readSteps() {
  const index = JSON.parse(byId("player-data").textContent);
  const texts = [...document.getElementsByClassName("player-episode")];
  const episodes = new Map(texts.map((text) => [Number(text.dataset.episode), { text, unpacked: null }]));

  function episode(number) {
    const entry = episodes.get(number);
    if (!entry) return null;
    entry.unpacked ??= unpackEpisode(JSON.parse(entry.text.textContent), index);
    return entry.unpacked;
  }

  return { index, numbers: [...episodes.keys()], episode };
}

function unpackEpisode(packed, { rows, labels }) {
  const steps = Array.from(unpack(packed.steps));
  const width = rows.length;
  const taken = unpack(packed.taken);
  const scores = unpack(packed.scores);
  const values = packed.values.map(unpack);
  const attributions = unpack(packed.attributions);
  const targets = unpack(packed.targets);
  const decisions = packed.decisions && unpack(packed.decisions);
  const columns = (numbers) => numbers.length / Math.max(1, steps.length);
  const row = (numbers, k, size) => Array.from(numbers.subarray(k * size, (k + 1) * size));
  return {
    ...packed,
    steps,
    // The position of the step among those that are here, or of the one before it.
    position: (step) => Math.max(0, steps.findLastIndex((each) => each <= step)),
    observed: (k) => values.map((column) => column[k]),
    attributed: (k, label) => row(attributions, k * labels.length + label, width),
    target: (k, label) => targets[k * labels.length + label],
    decided: (k) => decisions && row(decisions, k, width),
    taken: (k) => row(taken, k, columns(taken)),
    scored: (k) => row(scores, k, columns(scores)),
    maps: packed.maps.map((map) => ({ shape: map.shape.slice(2), values: unpack(map), scale: 127 * map.scale })),
  };
}
