// In a single file the replays are inside the page: a link to one opens it where it stands, at its step.

// The address of a replay at a step.
export function replayAddress(file, step) {
  const inside = insideOf(file);
  return inside ? `#${inside.id}` : `${file}#step=${step}`;
}

function insideOf(file) {
  return [...document.querySelectorAll("details.replay")].find((each) => each.dataset.file === file);
}

export function makeReplays() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#player-replay");
    const inside = link && insideOf(link.dataset.file);
    if (!inside) return;
    event.preventDefault();
    openAt(inside, `#step=${link.dataset.at}`);
  });
}

function openAt(inside, address) {
  const frame = inside.querySelector("iframe");
  const isLoaded = Boolean(frame.contentDocument?.getElementById("data"));
  const go = () => { frame.contentWindow.location.hash = address; };
  inside.open = true;
  inside.scrollIntoView();
  if (isLoaded) go();
  else frame.addEventListener("load", go, { once: true });
}
