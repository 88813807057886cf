// Which features have a row: all of them, or the largest of a crowd.

export const CROWD = 40; // more features than this are a crowd: only its largest have a row, unless all are wanted
export const LARGEST = 16; // rows of a crowd
export const ALL_VISIBLE = 24; // rows that need neither a scroll bar nor small type
const LONG = 32; // characters; a longer name takes two lines

export function isLong(name) {
  return name.length > LONG;
}

export function crowded({ data, state }) {
  return data.count > CROWD && !state.allRows;
}

// All features, or the largest of a crowd, in the order of the features.
export function largestFeatures(side, sizes) {
  const every = side.data.names.map((_, f) => f);
  if (!crowded(side)) return every;
  return every.sort((a, b) => sizes[b] - sizes[a]).slice(0, LARGEST).sort((a, b) => a - b);
}
