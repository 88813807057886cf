// The policy's probabilities as ribbons, first action on top: one cell per step, or per pixel the mean of its steps.

import { seriesColor } from "./colors.js";

export function paintRibbons({ ctx, bbox }, span, steps, values, width) {
  const columns = Math.min(Math.round(bbox.width), span.end - span.start);
  for (let x = 0; x < columns; x++) {
    const [first, end] = span.stepsBehind(x, columns, steps);
    if (first >= steps) return;
    const left = Math.round(bbox.left + (x / columns) * bbox.width);
    const right = Math.round(bbox.left + ((x + 1) / columns) * bbox.width);
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const top = Math.round(bbox.top + sum * bbox.height);
      sum += meanShare(values, width, k, first, end);
      ctx.fillStyle = seriesColor(k);
      ctx.fillRect(left, top, right - left, Math.round(bbox.top + sum * bbox.height) - top);
    }
  }
}

function meanShare(values, width, k, first, end) {
  let sum = 0;
  let count = 0;
  for (let step = first; step < end; step++) {
    const value = values[step * width + k];
    if (!Number.isFinite(value)) continue;
    sum += value;
    count += 1;
  }
  return count ? sum / count : 0;
}
