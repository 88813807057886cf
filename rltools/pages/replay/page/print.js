// On paper the page is light, as wide as a sheet, and has everything one below the other.

import { refreshColors } from "./colors.js";
import { fit, recolorAll } from "./sides.js";

export function makePrint() {
  const { dataset } = document.documentElement;
  let theme = "";
  const start = () => {
    if (document.body.classList.contains("paper")) return;
    theme = dataset.theme;
    dataset.theme = "light";
    change(true);
  };
  const end = () => {
    if (!document.body.classList.contains("paper")) return;
    dataset.theme = theme;
    change(false);
  };
  const change = (paper) => {
    document.body.classList.toggle("paper", paper);
    refreshColors();
    fit();
    recolorAll();
  };
  addEventListener("beforeprint", start);
  addEventListener("afterprint", end);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? start() : end()));
}
