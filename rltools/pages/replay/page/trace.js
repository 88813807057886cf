// The attribution of the selected feature over the episode: a line through the explained steps. Where another action is
// explained at each step, each action has a line of its own: values of different actions are not of one curve.

import { css, seriesColor } from "./colors.js";

const FAR = 12; // strides; explained steps of one action that are farther apart are not joined
const DOT = 3; // pixels

// The smallest and the largest value to draw, with zero among them.
export function traceRange({ data: { count } }, view, f) {
  let [low, high] = [0, 0];
  for (let k = f; k < view.values.length; k += count) {
    if (view.values[k] < low) low = view.values[k];
    if (view.values[k] > high) high = view.values[k];
  }
  return [low, high];
}

export function paintTrace(plot, span, { data }, view, f) {
  const { ctx, bbox } = plot;
  const { count, steps, taken, singleChoice } = data;
  const byAction = view.moving && singleChoice;
  const [first, end] = [Math.max(0, span.start - 1), Math.min(steps, span.end + 1)];
  const scale = devicePixelRatio || 1;
  const x = (step) => plot.valToPos(step, "x", true);
  const y = (value) => plot.valToPos(value, "y", true);
  const stride = view.attribution.every;
  const sparse = (bbox.width / scale) / Math.max(1, (span.end - span.start) / stride) > 2 * DOT;
  const lines = new Map(); // the last point of each action's line, and its path
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = css("--line");
  ctx.lineWidth = scale;
  ctx.strokeRect(bbox.left, Math.round(y(0)), bbox.width, 0);
  for (let step = first; step < end; step++) {
    if (view.held[step] !== step) continue;
    const value = view.values[step * count + f];
    if (!Number.isFinite(value)) continue;
    const action = byAction ? taken[step] : 0;
    if (!lines.has(action)) lines.set(action, { line: new Path2D(), dots: new Path2D(), last: -Infinity });
    const own = lines.get(action);
    if (step - own.last > FAR * stride) own.line.moveTo(x(step), y(value));
    else own.line.lineTo(x(step), y(value));
    if (byAction || sparse) {
      const size = (sparse ? DOT : 2) * scale;
      own.dots.rect(x(step) - size / 2, y(value) - size / 2, size, size);
    }
    own.last = step;
  }
  for (const [action, { line, dots }] of lines) {
    ctx.strokeStyle = ctx.fillStyle = byAction ? seriesColor(action) : css("--ink");
    ctx.lineWidth = (byAction ? 1 : 1.25) * scale;
    ctx.globalAlpha = byAction ? 0.7 : 1;
    ctx.stroke(line);
    ctx.globalAlpha = 1;
    ctx.fill(dots);
  }
  ctx.restore();
}
