// Moments worth a look, found when the page was made: in words, and as marks above the first plot.

const found = { buttons: [], marks: [] };

function makeMoments() {
  $("worth").hidden = page.moments.length === 0;
  for (const { step, text } of page.moments) {
    const button = element("button", "");
    button.type = "button";
    button.append(element("span", "at", `step ${step}`), element("span", "why", text));
    button.addEventListener("click", () => hub.seek(step));
    $("moments").append(button);
    found.buttons.push(button);
    const mark = element("div", "found-mark");
    mark.title = `step ${step}: ${text}`;
    tracks[0].plot.over.append(mark);
    found.marks.push(mark);
  }
  placeFound();
}

function placeFound() {
  found.marks.forEach((mark, at) => {
    const left = place(page.moments[at].step);
    mark.hidden = left < 0 || left > 100;
    mark.style.left = `${left}%`;
  });
}

function markMoment(step) {
  found.buttons.forEach((button, at) => button.setAttribute("aria-current", String(page.moments[at].step === step)));
}
