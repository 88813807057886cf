// The buttons of the page: full screen, the address of the moment, and links to the pages beside this one.

import { byId } from "./document.js";
import { currentAddress } from "./sides.js";

const FEEDBACK = 1600; // milliseconds

export function makeTools() {
  const root = document.documentElement;
  byId("fullscreen").hidden = !document.fullscreenEnabled;
  byId("fullscreen").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    byId("fullscreen").setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
  byId("copy").addEventListener("click", copyAddress);
  // Inside another page there is nothing to go back to.
  if (window.parent !== window) for (const link of document.querySelectorAll("#pages a")) link.hidden = true;
}

async function copyAddress() {
  const fragment = currentAddress();
  history.replaceState(null, "", fragment);
  let text = "in the address bar";
  try {
    await navigator.clipboard.writeText(location.href);
    text = "copied";
  } catch {
    // A browser that does not let a page copy: the address bar has it.
  }
  byId("copied").textContent = text;
  setTimeout(() => { byId("copied").textContent = ""; }, FEEDBACK);
}
