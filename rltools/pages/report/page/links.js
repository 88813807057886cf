// Links from the page to steps: those of text and bars name their step; those of pictures are found by their place.
// The document listens once for all of them.

import { byId } from "../../replay/page/document.js";
import { makePictureLinks } from "./picture_links.js";
import { makePressable } from "./pressed.js";

export function makeLinks(player) {
  const pictures = makePictureLinks();
  document.querySelectorAll("span.step").forEach(makePressable);
  // A docked player would cover what is pointed at: it comes only when a step is chosen.
  const docked = matchMedia("(max-width: 1099px)");
  let last = null;

  function stepAt(event) {
    const link = event.target.closest?.("[data-step]");
    if (link && !byId("player").contains(link)) return link.dataset.step.split(":").map(Number);
    return event.target.closest?.("svg") && event.clientX !== undefined ? pictures.at(event) : null;
  }

  function point(event) {
    const step = stepAt(event);
    if (step) player.show(...step);
    else if (last) player.leave();
    if (!step) pictures.unmark();
    document.documentElement.classList.toggle("pointing", Boolean(step) && !event.target.closest("[data-step]"));
    last = step;
  }

  document.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" && !docked.matches) point(event);
  });
  document.addEventListener("focusin", (event) => {
    const step = docked.matches ? null : stepAt(event);
    if (step) player.show(...step);
  });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const step = stepAt(event);
    if (!step || !player.pin(...step)) return;
    event.preventDefault();
  });
}
