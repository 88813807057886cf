// Light or dark: follows the system until the reader chooses.

import { refreshColors } from "./colors.js";
import { byId } from "./document.js";

const systemDark = matchMedia("(prefers-color-scheme: dark)");

// `recolor` is called after each change.
export function makeTheme(recolor) {
  const { dataset } = document.documentElement;
  const apply = (dark) => {
    dataset.theme = dark ? "dark" : "light";
    byId("theme").textContent = dark ? "light" : "dark";
    byId("theme").setAttribute("aria-label", `Switch to ${byId("theme").textContent}`);
    refreshColors();
    recolor();
  };
  let chosen = false;
  byId("theme").addEventListener("click", () => {
    chosen = true;
    apply(dataset.theme !== "dark");
  });
  systemDark.addEventListener("change", () => { if (!chosen) apply(systemDark.matches); });
  apply(systemDark.matches);
}
