// Helpers to build the document. All text is set as text, so no name can become markup.

export function byId(id) {
  return document.getElementById(id);
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Sets the text of an element that holds nothing else. A text that stays costs nothing, and another one keeps its node:
// what changes at each step must not be built anew at each step.
export function write(host, text) {
  const node = host.firstChild;
  if (node === null) host.textContent = text;
  else if (node.data !== text) node.data = text;
}

// An element for a name, which may be longer than its box: the tooltip has all of it.
export function named(tag, className, text) {
  const made = element(tag, `${className} name`.trim(), text);
  made.title = text;
  return made;
}

// A long name without its middle: names differ at the end as often as at the start.
export function clipped(text) {
  return text.length > 72 ? `${text.slice(0, 40)}…${text.slice(-31)}` : text;
}

// Adds a term and its value to a definition list, and returns the element of the value.
export function fact(list, term, value) {
  const pair = element("div", "fact");
  const description = named("dd", "", value);
  pair.append(element("dt", "", term), description);
  list.append(pair);
  return description;
}

// Adds one button per option to `host`, of which exactly one is pressed.
export function choice(host, options, change, first = 0) {
  const buttons = options.map((option, k) => {
    const button = element("button", "", option);
    button.type = "button";
    button.addEventListener("click", () => {
      press(k);
      change(k);
    });
    return button;
  });
  const press = (pressed) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === pressed)));
  host.append(...buttons);
  press(first);
}
