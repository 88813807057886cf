// The policy's probabilities as ribbons, the first action at the top as in the list beside them: a cell for each step, the mean of those that share a pixel.

function paintRibbons(u, values, width) {
  const { left, top, width: across, height } = u.bbox;
  const columns = Math.min(Math.round(across), span.to - span.from);
  for (let x = 0; x < columns; x++) {
    const [from, to] = stepsBehind(x, columns);
    if (from >= STEPS) return;
    const start = Math.round(left + (x / columns) * across);
    const end = Math.round(left + ((x + 1) / columns) * across);
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const high = Math.round(top + sum * height);
      sum += meanShare(values, width, k, from, to);
      u.ctx.fillStyle = seriesColour(k);
      u.ctx.fillRect(start, high, end - start, Math.round(top + sum * height) - high);
    }
  }
}

function meanShare(values, width, k, from, to) {
  let sum = 0;
  let count = 0;
  for (let t = from; t < to; t++) {
    const value = values[t * width + k];
    if (!Number.isFinite(value)) continue;
    sum += value;
    count += 1;
  }
  return count ? sum / count : 0;
}
