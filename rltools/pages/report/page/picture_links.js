// The steps of the marks of pictures. Each picture says what its marks stand for: a dot is the one under the pointer or
// the nearest one, and a span of an axes is the time of an episode.

const NEAR = 10; // pixels to a dot
const RING = 6; // pixels of the ring around the dot that is pointed at
const SVG = "http://www.w3.org/2000/svg";

export function makePictureLinks() {
  const known = new WeakMap();
  let ring = null;

  // The dots and spans of a picture, in units of its own; they are looked up when the pointer first enters it.
  function linksOf(svg) {
    if (!known.has(svg)) known.set(svg, readLinks(svg));
    return known.get(svg);
  }

  function at(event) {
    const svg = event.target.closest("svg[data-links]");
    const matrix = svg?.getScreenCTM();
    if (!matrix) return null;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const { dots, bars, spans } = linksOf(svg);
    const bar = bars.get(event.target.closest(".dot"));
    if (bar) return bar;
    const far = (dot) => Math.hypot(dot.x - x, dot.y - y);
    const nearest = dots.length ? dots.reduce((best, dot) => (far(dot) < far(best) ? dot : best)) : null;
    if (nearest && far(nearest) * matrix.a <= NEAR) {
      mark(svg, nearest, RING / matrix.a);
      return nearest.step;
    }
    unmark();
    const span = spans.find(({ link }) => between(x, link.x) && between(y, link.y));
    return span ? stepOf(span.link, x) : null;
  }

  function mark(svg, { x, y }, radius) {
    ring ??= document.createElementNS(SVG, "circle");
    ring.setAttribute("class", "ring");
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    ring.setAttribute("r", radius);
    svg.append(ring);
  }

  function unmark() {
    ring?.remove();
  }

  return { at, unmark };
}

function readLinks(svg) {
  const dots = [];
  const bars = new Map();
  const spans = [];
  for (const [gid, link] of Object.entries(JSON.parse(svg.dataset.links))) {
    if (link.kind === "span") spans.push({ link });
    if (link.kind !== "dots") continue;
    svg.querySelectorAll(`[data-link="${gid}"] .dot`).forEach((dot, k) => {
      const step = [link.episode[k], link.step[k]];
      if (dot.localName === "use") dots.push({ x: Number(dot.getAttribute("x")), y: Number(dot.getAttribute("y")), step });
      else bars.set(dot, step);
    });
  }
  return { dots, bars, spans };
}

function between(value, [low, high]) {
  return value >= low && value <= high;
}

// The step of an episode at a place of a span, which may end before or after the episode does.
function stepOf({ x: [left, right], limits: [low, high], episode: [episode], step: [first, last] }, x) {
  const step = Math.round(low + ((x - left) / (right - left)) * (high - low));
  return [episode, Math.max(first, Math.min(last, step))];
}
