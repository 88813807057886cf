// A small label beside the pointer: values in words, with their units.

function showTip(x, y, lines) {
  const tip = byId("tip");
  tip.replaceChildren(...lines.map(([term, value, colour]) => {
    const line = element("div", "tip-line");
    if (colour) {
      const mark = element("span", "swatch");
      mark.style.background = colour;
      line.append(mark);
    }
    line.append(element("span", "name", term), element("span", "figure", value));
    return line;
  }));
  tip.hidden = false;
  const room = 8;
  const width = tip.offsetWidth;
  const left = x + 14 + width + room > innerWidth ? x - 14 - width : x + 14;
  tip.style.left = `${Math.max(room, Math.min(left, innerWidth - width - room))}px`;
  tip.style.top = `${Math.max(room, Math.min(y + 14, innerHeight - tip.offsetHeight - room))}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}
