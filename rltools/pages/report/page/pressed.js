// Text that can be pressed like a button: where a script is there to do something, and not on paper.

export function makePressable(text) {
  text.tabIndex = 0;
  text.setAttribute("role", "button");
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  if (!event.target.matches("span[role='button']")) return;
  event.preventDefault();
  event.target.click();
});
