// Light or dark: as the system says, until somebody says otherwise.

const dark = matchMedia("(prefers-color-scheme: dark)");

function makeTheme() {
  const theme = document.documentElement.dataset;
  const apply = (name) => {
    theme.theme = name;
    byId("theme").textContent = name === "dark" ? "light" : "dark";
    byId("theme").setAttribute("aria-label", `Switch to ${byId("theme").textContent}`);
    ramp = makeRamp();
    for (const side of opened.sides) side.recolour();
  };
  let chosen = false;
  byId("theme").addEventListener("click", () => { chosen = true; apply(theme.theme === "dark" ? "light" : "dark"); });
  dark.addEventListener("change", () => { if (!chosen) apply(dark.matches ? "dark" : "light"); });
  apply(dark.matches ? "dark" : "light");
}
