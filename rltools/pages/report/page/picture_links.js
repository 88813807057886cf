// The steps of the marks of pictures. A dot is the nearest one to the pointer; a span of an axes is time in an episode.

const NEAR = 10; // pixels to a dot
const RING = 6; // pixels of the ring around the dot that is pointed at
const SVG = "http://www.w3.org/2000/svg";

export function makePictureLinks(links) {
  const places = new WeakMap();
  let ring = null;

  // The dots of a picture, in units of its own; they are looked up when the pointer first enters it.
  function dotsOf(svg) {
    if (!places.has(svg)) {
      const dots = [];
      for (const group of svg.querySelectorAll("g[id]")) {
        const link = links[group.id];
        if (link?.kind !== "dots") continue;
        [...group.querySelectorAll("use")].forEach((use, k) => {
          const x = Number(use.getAttribute("x"));
          const y = Number(use.getAttribute("y"));
          dots.push({ x, y, step: [link.episode[k], link.step[k]] });
        });
      }
      places.set(svg, dots);
    }
    return places.get(svg);
  }

  function at(event) {
    const svg = event.target.closest("svg");
    const matrix = svg.getScreenCTM();
    if (!matrix) return null;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const far = (dot) => Math.hypot(dot.x - x, dot.y - y);
    const dots = dotsOf(svg);
    const nearest = dots.length ? dots.reduce((best, dot) => (far(dot) < far(best) ? dot : best)) : null;
    if (nearest && far(nearest) * matrix.a <= NEAR) {
      mark(svg, nearest, RING / matrix.a);
      return nearest.step;
    }
    unmark();
    return null;
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
