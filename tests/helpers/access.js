// What a page lets be read and reached, measured in it. Each function returns plain data, empty where nothing is wrong.
(() => {
  const CONTROLS =
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex='-1']), [role=button], [role=slider], [role=tab], [role=option]";

  const visible = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  // Moved out of sight for those who look, left for those who listen.
  const listened = (element) => {
    const { clip, clipPath, position, overflow } = getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    return position === "absolute" && overflow !== "visible" && (clip !== "auto" || clipPath !== "none" || width * height <= 4);
  };
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const ancestors = function* (element) {
    for (let each = element; each; each = each.parentElement) yield each;
  };

  const named = (element) => {
    const parts = [];
    for (const each of ancestors(element)) {
      const kind = each.localName + (each.id ? `#${each.id}` : "");
      const sort = typeof each.className === "string" ? each.className : each.className.baseVal;
      parts.unshift(kind + (sort.trim() && !each.id ? `.${sort.trim().split(/\s+/).join(".")}` : ""));
      if (each.id || parts.length === 3) break;
    }
    return parts.join(" > ");
  };
  const words = (text) => text.replace(/\s+/g, " ").trim().slice(0, 60);

  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pixel.canvas.width = pixel.canvas.height = 1;
  const read = new Map();
  /** Red, green, blue and opacity of a color in any notation. */
  const rgba = (color) => {
    if (!read.has(color)) {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = color;
      pixel.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
      read.set(color, [red, green, blue, alpha / 255]);
    }
    return read.get(color);
  };
  const over = ([...top], below, opacity = 1) =>
    [0, 1, 2].map((channel) => top[channel] * top[3] * opacity + below[channel] * (1 - top[3] * opacity));
  const luminance = (color) => {
    const [red, green, blue] = color
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return Math.round((100 * (light + 0.05)) / (dark + 0.05)) / 100;
  };
  /** What a page stands on that paints no ground of its own. */
  const canvas = (() => {
    const probe = document.body.appendChild(document.createElement("div"));
    probe.style.backgroundColor = "Canvas";
    const { backgroundColor } = getComputedStyle(probe);
    const result = rgba(backgroundColor).slice(0, 3);
    probe.remove();
    return result;
  })();
  /** What an element stands on: the backgrounds of its ancestors over each other. */
  const ground = (element) => {
    const layers = [...ancestors(element)].reverse().map((each) => rgba(getComputedStyle(each).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), canvas);
  };
  const once = (compute) => {
    const known = new Map();
    return (element) => {
      if (!known.has(element)) known.set(element, compute(element));
      return known.get(element);
    };
  };
  const groundOf = once(ground);
  const shapesOf = once((picture) => [...picture.querySelectorAll("rect, path, circle, image")].map((shape) => [shape, shape.getBoundingClientRect()]));
  const opacityOf = once((element) => (element ? opacityOf(element.parentElement) * Number(getComputedStyle(element).opacity) : 1));
  /** What a text of a picture stands on: the filled shapes before it that hold its middle, over the ground; null over a bitmap. */
  const behind = (text, box) => {
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const picture = text.ownerSVGElement.closest("div, figure, span, li, td, section");
    let below = groundOf(picture);
    for (const [shape, edge] of shapesOf(picture)) {
      if (edge.left > x || edge.right < x || edge.top > y || edge.bottom < y) continue;
      if (!(shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING) || shape.closest("defs, clipPath")) continue;
      if (shape.localName === "image") return null;
      const { fill, fillOpacity } = getComputedStyle(shape);
      if (fill !== "none" && !fill.startsWith("url")) below = over(rgba(fill), below, Number(fillOpacity));
    }
    return below;
  };
  const hex = (color) => `#${color.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;

  /** Boxes of the texts on the page: `{ owner, text, box }`, one for each text node. */
  const texts = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const owner = node.parentElement;
      if (!node.data.trim() || owner.closest("script, style, noscript, template, option, title, desc")) continue;
      if (!visible(owner) || [...ancestors(owner)].some(listened)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = owner.closest("svg") ? owner.getBoundingClientRect() : range.getBoundingClientRect();
      if (box.width && box.height) found.push({ owner, text: words(node.data), box });
    }
    return found;
  };

  /** Texts of which a part can be neither read nor scrolled to. */
  const cut = () =>
    texts().flatMap(({ owner, text, box }) => {
      for (const each of ancestors(owner)) {
        const { overflowX, overflowY, display } = getComputedStyle(each);
        if (display === "inline") continue;
        const edge = each.getBoundingClientRect();
        const root = each === document.documentElement;
        const sideways = box.right > edge.right + 1.5 || box.left < edge.left - 1.5;
        const below = box.bottom > edge.bottom + 3 || box.top < edge.top - 3;
        if (!root && sideways && ["auto", "scroll"].includes(overflowX)) return [];
        if (!root && below && ["auto", "scroll"].includes(overflowY)) return [];
        const clips = (overflow) => ["hidden", "clip"].includes(overflow);
        if (sideways && clips(overflowX)) return [`${named(owner)}: "${text}" is cut by ${named(each)}`];
        if (below && clips(overflowY)) return [`${named(owner)}: "${text}" is cut below by ${named(each)}`];
        if (root && (box.right > innerWidth + 1 || box.left + scrollX < -1)) return [`${named(owner)}: "${text}" leaves the page`];
      }
      return [];
    });

  /** Boxes that leave the page sideways. */
  const wide = () =>
    document.documentElement.scrollWidth <= innerWidth
      ? []
      : all("body *").filter((element) => element.getBoundingClientRect().right > innerWidth + 1).map(named);

  /** Texts that are drawn smaller than so many pixels, with their size. */
  const small = (least) =>
    texts().flatMap(({ owner, text }) => {
      const matrix = owner.closest("svg") && owner.getScreenCTM?.();
      const size = Number.parseFloat(getComputedStyle(owner).fontSize) * (matrix ? Math.hypot(matrix.a, matrix.b) : 1);
      return size < least - 0.05 ? [`${named(owner)}: "${text}" is ${size.toFixed(1)} px`] : [];
    });

  /** Texts that are drawn over each other. */
  const overlapping = () => {
    const boxes = texts().filter(({ owner }) => owner.closest("svg"));
    return boxes.flatMap(({ owner, text, box }, index) =>
      boxes.slice(index + 1).flatMap((other) => {
        if (other.owner.closest("svg") !== owner.closest("svg") || other.owner === owner) return [];
        const width = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const height = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        return width > 2 && height > 4 ? [`${named(owner.closest("svg"))}: "${text}" and "${other.text}"`] : [];
      }),
    );
  };

  /** Controls smaller than 24 px, except links in sentences and marks of data, which stand where the data are. */
  const targets = () => {
    const boxes = all(CONTROLS)
      .filter((element) => !element.disabled && !element.closest("svg"))
      .map((element) => {
        const own = element.getBoundingClientRect();
        const label = element.labels?.[0]?.getBoundingClientRect() ?? own;
        const [left, top] = [Math.min(own.left, label.left), Math.min(own.top, label.top)];
        const [right, bottom] = [Math.max(own.right, label.right), Math.max(own.bottom, label.bottom)];
        return { element, width: right - left, height: bottom - top };
      });
    const inText = (element) => {
      if (getComputedStyle(element).display !== "inline") return false;
      const block = [...ancestors(element.parentElement)].find((each) => getComputedStyle(each).display !== "inline");
      const rest = [...block.querySelectorAll(CONTROLS)].reduce((text, each) => text.replace(each.textContent, ""), block.textContent);
      return /\p{L}{2}/u.test(rest);
    };
    return boxes
      .filter(({ element, width, height }) => (width < 23.5 || height < 23.5) && !inText(element))
      .map(({ element, width, height }) => {
        const name = words(element.getAttribute("aria-label") || element.textContent);
        return `${named(element)} "${name}": ${Math.round(width)} x ${Math.round(height)} px`;
      });
  };

  /** Colors of lines and of marks in pictures of the page, against what they stand on. */
  const drawn = () => {
    const seen = new Map();
    for (const shape of all("svg :is(path, line, polyline, circle, rect, use, ellipse)")) {
      if (shape.closest("defs, clipPath, marker, button, symbol")) continue;
      const style = getComputedStyle(shape);
      const below = groundOf(shape.closest("svg").parentElement);
      const fades = opacityOf(shape);
      const filled = style.fill !== "none" && Number(style.fillOpacity) > 0 && !style.fill.startsWith("url");
      for (const [kind, paint, opacity] of [["line", style.stroke, style.strokeOpacity], ["area", style.fill, style.fillOpacity]]) {
        if (paint === "none" || paint.startsWith("url") || Number(opacity) === 0 || (kind === "line" && filled)) continue;
        const color = over(rgba(paint), below, Number(opacity) * fades);
        const key = `${kind} ${hex(color)} ${named(shape)}`;
        seen.set(key, { kind, color: hex(color), pure: hex(rgba(paint).slice(0, 3)), ratio: ratio(color, below), where: named(shape), of: named(shape.closest("svg").parentElement) });
      }
    }
    return [...seen.values()];
  };

  /** Colors that make up much of a canvas, against what it stands on. */
  const painted = () =>
    all("canvas").flatMap((picture) => {
      const context = picture.getContext("2d", { willReadFrequently: true });
      if (!context || !picture.width) return [];
      const { data } = context.getImageData(0, 0, picture.width, picture.height);
      const below = ground(picture.parentElement);
      const counts = new Map();
      for (let index = 0; index < data.length; index += 4) {
        if (data[index + 3] < 128) continue;
        const color = hex(over([data[index], data[index + 1], data[index + 2], data[index + 3] / 255], below));
        counts.set(color, (counts.get(color) ?? 0) + 1);
      }
      const often = [...counts].filter(([, count]) => count >= picture.width / 3).sort((a, b) => b[1] - a[1]).slice(0, 10);
      return often.map(([color, count]) => {
        const value = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
        return { color, count, ratio: ratio(value, below), where: named(picture) };
      });
    });

  /** Contrast of the edges or grounds of controls that are told by them alone, and of the ring around the focus. */
  const borders = () =>
    all("button, input, select, textarea").filter((element) => !element.closest("svg")).flatMap((element) => {
      const style = getComputedStyle(element);
      const below = ground(element.parentElement);
      const native = ["range", "checkbox", "radio"].includes(element.type) && style.appearance !== "none";
      if (native || words(element.textContent)) return []; // a text is what tells it
      const edges = ["Top", "Right", "Bottom", "Left"].filter((side) => Number.parseFloat(style[`border${side}Width`]) > 0 && style[`border${side}Style`] !== "none");
      const inks = [style.backgroundColor, ...edges.map((side) => style[`border${side}Color`])];
      const shape = element.querySelector("svg, svg *");
      if (shape) inks.push(getComputedStyle(shape).fill, getComputedStyle(shape).stroke);
      const best = Math.max(...inks.filter((ink) => ink !== "none").map((ink) => ratio(over(rgba(ink), below), below)));
      return best < 3 ? [`${named(element)} "${words(element.getAttribute("aria-label") ?? "")}": ${best}:1`] : [];
    });

  /** Elements that say something by their background alone; remembered, to look at them again in other media. */
  const marks = () => {
    window.rememberedMarks = all("body *").filter((element) => {
      const { width, height } = element.getBoundingClientRect();
      if (element.closest("svg") || element.textContent.trim() || element.matches("canvas, img, iframe, input, button, hr, meter, progress")) return false;
      const { backgroundColor, backgroundImage } = getComputedStyle(element);
      if (width < 2 || height < 2 || element.querySelector("canvas, img, svg, iframe, input")) return false;
      return backgroundImage !== "none" || ratio(ground(element), ground(element.parentElement)) > 1.05 || rgba(backgroundColor)[3] > 0.9;
    });
    return window.rememberedMarks.length;
  };
  const edged = (element) => {
    const style = getComputedStyle(element);
    const drawnSide = (side) => Number.parseFloat(style[`border${side}Width`]) > 0 && !["none", "hidden"].includes(style[`border${side}Style`]);
    return ["Top", "Right", "Bottom", "Left"].some(drawnSide) || (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0);
  };
  /** Remembered marks that printing without backgrounds loses. */
  const unprinted = () =>
    [...new Set((window.rememberedMarks ?? []).filter((element) => visible(element) && getComputedStyle(element).printColorAdjust !== "exact" && !edged(element)).map(named))];
  /** Remembered marks that forced colors make invisible. */
  const unforced = () =>
    [...new Set((window.rememberedMarks ?? []).filter((element) => {
      if (!visible(element) || edged(element)) return false;
      const { backgroundColor, backgroundImage } = getComputedStyle(element);
      if (backgroundImage !== "none") return false;
      const below = ground(element.parentElement);
      return ratio(over(rgba(backgroundColor), below), below) < 1.5;
    }).map(named))];
  /** Controls that are of no use on paper. */
  const printedControls = () => [...new Set(all("button, input, select, textarea, iframe, video").map(named))];
  /** Texts that cannot be read, with their contrast: for media in which a checker of pages is not run. */
  const faint = (least, paper = null) =>
    [...new Set(texts().flatMap(({ owner, text, box }) => {
      if (owner.closest(":disabled")) return []; // which need no contrast
      const style = getComputedStyle(owner);
      const stands = owner.closest("svg") ? behind(owner, box) : groundOf(owner);
      if (!stands) return [];
      const below = paper && !owner.closest("svg") ? rgba(paper).slice(0, 3) : stands;
      const ink = owner.closest("svg") ? style.fill : style.color;
      if (ink === "none" || ink.startsWith("url")) return [];
      const fades = opacityOf(owner);
      const value = ratio(over(rgba(ink), below, fades), below);
      // A number in a cell of a color scale is as legible as the cells are; tables have the same numbers.
      const limit = owner.closest("svg") && hex(below) !== hex(groundOf(owner.ownerSVGElement.parentElement)) ? Math.min(3, least) : least;
      return value < limit ? [`${named(owner)} "${text}": ${value}:1`] : [];
    }))];

  /** Where each part of the page stands from above, by its place in the document; marks that follow the step are free. */
  const placed = () => {
    const place = (element) => (element === document.body ? "" : `${place(element.parentElement)}/${[...element.parentElement.children].indexOf(element)}`);
    const still = all("main *, header *").filter((element) => !element.closest("svg, [aria-hidden=true]") && getComputedStyle(element).position !== "absolute");
    return Object.fromEntries(still.map((element) => [`${element.localName}${place(element)}`, [Math.round(element.getBoundingClientRect().top + scrollY), named(element)]]));
  };

  /** What has no name or no headers for those who listen. */
  const unnamed = () => {
    const label = (element) => element.getAttribute("aria-label")?.trim() || element.getAttribute("aria-labelledby") || element.getAttribute("alt")?.trim();
    const silent = (element) => element.closest("[aria-hidden=true], [role=presentation], [role=none]");
    const pictures = all("canvas, svg, img").filter((element) => !silent(element) && !element.closest("button, a, svg svg"));
    const told = (element) => label(element) || element.closest("[role=img], [role=slider], [role=application]")?.getAttribute("aria-label") || (element.localName === "svg" && element.querySelector(":scope > title"));
    const tables = all("table").filter((table) => !silent(table) && ![...table.querySelectorAll("th")].some((head) => head.scope));
    const empty = all("img").filter((image) => image.alt === "" && !silent(image) && !image.closest("figure, a, button"));
    return [...pictures.filter((element) => !told(element) && element.alt !== "").map((element) => `${named(element)}: no name`), ...tables.map((table) => `${named(table)}: no headers`), ...empty.map((image) => `${named(image)}: an empty alt`)];
  };

  /** The focused control, and whether a ring or another mark says that it has the focus. */
  const focused = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    if (element.localName === "iframe") return { marked: true, inside: true, reached: (element.dataset.reached = "yes") };
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return { name: named(element), marked: (outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0) || boxShadow !== "none", inside, reached: (element.dataset.reached = "yes") };
  };
  const unreached = () =>
    all(CONTROLS)
      .filter((element) => !element.disabled && element.tabIndex >= 0 && !element.dataset.reached && !element.closest("[inert], dialog:not([open])"))
      .filter((element) => element.type !== "radio" || element.checked)
      .map(named);

  return { targets, cut, wide, small, overlapping, drawn, painted, borders, marks, unprinted, unforced, printedControls, faint, unnamed, placed, focused, unreached };
})()
