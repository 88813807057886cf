// Which features have a row: all of them, or those of a crowd that matter most over the whole episode.

const LONG = 32; // characters; a longer name takes two lines

export function isLong(name) {
  return name.length > LONG;
}

// The `most` features of the largest `sizes`, and `kept` in any case, in the order of the features.
export function largestFeatures(sizes, most, kept = -1) {
  const every = Array.from(sizes, (_, f) => f);
  if (every.length <= most) return every;
  const ranked = every.slice().sort((a, b) => sizes[b] - sizes[a]).slice(0, most);
  if (kept >= 0 && !ranked.includes(kept)) ranked[ranked.length - 1] = kept;
  return ranked.sort((a, b) => a - b);
}
