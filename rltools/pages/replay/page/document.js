// Small pieces of the document. All text goes through textContent, so that no name can become markup.

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function named(tag, className, text) {
  const made = element(tag, `${className} name`.trim(), text);
  made.title = text;
  return made;
}

// The middle of a long name is left out: what tells it from others is as often at its end.
function clipped(text) {
  return text.length > 72 ? `${text.slice(0, 40)}…${text.slice(-31)}` : text;
}

function fact(list, term, value) {
  const entry = element("div", "fact");
  const shown = named("dd", "", value);
  entry.append(element("dt", "", term), shown);
  list.append(entry);
  return shown;
}

function choice(host, options, change, first = 0) {
  const buttons = options.map((option, at) => {
    const button = element("button", "", option);
    button.type = "button";
    button.addEventListener("click", (event) => {
      press(at);
      change(at);
      if (event.detail > 0) button.blur(); // after a click with the mouse the space bar plays again
    });
    return button;
  });
  const press = (at) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === at)));
  host.append(...buttons);
  press(first);
}
