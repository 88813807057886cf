// The steps of the marks of pictures. A dot is the nearest one to the pointer, a bar or a cell the one that holds it; a span
// is time in an episode.

const NEAR = 10; // pixels to a dot
const RING = 6; // pixels of the ring around the dot that is pointed at
const SVG = "http://www.w3.org/2000/svg";

export function makePictureLinks(links) {
  const places = new WeakMap();
  let ring = null;

  // The marks of a picture, in units of its own; they are looked up when the pointer first enters it.
  function marksOf(svg) {
    if (places.has(svg)) return places.get(svg);
    const marks = { dots: [], boxes: [], spans: [] };
    for (const group of svg.querySelectorAll("g[id]")) {
      const link = links[group.id];
      if (link?.kind === "span") marks.spans.push(link);
      if (link?.kind !== "dots") continue;
      group.querySelectorAll(".dot").forEach((mark, k) => {
        const step = [link.episode[k], link.step[k]];
        if (mark.localName === "use") {
          marks.dots.push({ x: Number(mark.getAttribute("x")), y: Number(mark.getAttribute("y")), step });
        } else marks.boxes.push({ box: mark.getBBox(), step });
      });
    }
    places.set(svg, marks);
    return marks;
  }

  function at(event) {
    const svg = event.target.closest("svg");
    const matrix = svg.getScreenCTM();
    if (!matrix) return null;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const { dots, boxes, spans } = marksOf(svg);
    const far = (dot) => Math.hypot(dot.x - x, dot.y - y);
    const nearest = dots.length ? dots.reduce((best, dot) => (far(dot) < far(best) ? dot : best)) : null;
    if (nearest && far(nearest) * matrix.a <= NEAR) {
      mark(svg, nearest, RING / matrix.a);
      return nearest.step;
    }
    unmark();
    const held = boxes.find(({ box }) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height);
    if (held) return held.step;
    const span = spans.find((each) => x >= each.x[0] && x <= each.x[1] && y >= each.y[0] && y <= each.y[1]);
    return span ? [span.episode[0], stepIn(span, x)] : null;
  }

  function stepIn({ x: [left, right], limits: [low, high], step: [first, last] }, x) {
    const step = Math.round(low + ((high - low) * (x - left)) / (right - left));
    return Math.max(first, Math.min(last, step));
  }

  function mark(svg, { x, y }, radius) {
    ring ??= Object.assign(document.createElementNS(SVG, "circle"));
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
