// What the policy computed for its actions, in the ways in which it can be shown.

// The ways to show it, the most telling first; `values` are `[step, width]`.
export function policyModes(data) {
  const { probabilities, scores, taken, discrete, scoreName } = data;
  const width = data.scoresWidth;
  const plain = { name: scoreName.replaceAll("_", " "), values: scores, width };
  const likely = { name: "probability", values: probabilities, width, stacked: true };
  if (probabilities) return probabilities === scores ? [likely] : [likely, plain];
  if (discrete && width > 1) return [{ name: "centered", values: aboveMean(scores, width), width }, plain];
  if (discrete || scoreName === "action") return [plain];
  return [{ name: "taken", values: taken, width: data.takenWidth }, plain];
}

// What all actions have in common, such as the value of the state, would hide how they differ.
function aboveMean(scores, width) {
  const differences = scores.slice();
  for (let start = 0; start < scores.length; start += width) {
    const row = differences.subarray(start, start + width);
    const mean = row.reduce((a, b) => a + b, 0) / width;
    row.forEach((score, k) => { row[k] = score - mean; });
  }
  return differences;
}
