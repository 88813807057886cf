// In a single file the replays are inside the page: a link to one opens it where it stands, at its step.

export function makeReplays() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#replay-']");
    const [name, step] = link ? link.getAttribute("href").slice(1).split("&step=") : [];
    const inside = name && document.getElementById(name);
    if (!inside) return;
    event.preventDefault();
    inside.open = true;
    inside.scrollIntoView();
    const frame = inside.querySelector("iframe");
    const go = () => { if (step !== undefined) frame.contentWindow.location.hash = `#step=${step}`; };
    if (frame?.contentDocument?.readyState === "complete" && frame.contentDocument.body?.childElementCount) go();
    else frame?.addEventListener("load", go, { once: true });
  });
}
