// Tables that sort by a column, and copy themselves as lines of tab-separated values.

import { element } from "../../replay/page/document.js";
import { makePressable } from "./pressed.js";

export function makeTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => makeSortable(table, head, column));
    addCopy(table);
  }
}

function makeSortable(table, head, column) {
  if (head.dataset.sort === undefined) return;
  const button = element("span", "sort");
  makePressable(button);
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.dataset.sort === "down");
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const [body] = table.tBodies;
    const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(key(a, column), key(b, column)));
    body.append(...rows);
  });
}

function key(row, column) {
  const cell = row.cells[column];
  const { value } = cell.dataset;
  return value === undefined ? cell.textContent.trim() : Number(value);
}

function compare(a, b) {
  return typeof a === "number" ? (Number.isFinite(a) ? a : -Infinity) - (Number.isFinite(b) ? b : -Infinity) : a.localeCompare(b);
}

function addCopy(table) {
  const button = element("button", "copy", "Copy table");
  button.type = "button";
  button.addEventListener("click", async () => {
    const cells = (row) => [...row.cells].filter((cell) => !cell.hasAttribute("data-no-copy"));
    const lines = [...table.rows].map((row) => cells(row).map((cell) => cell.innerText.replace(/\s+/g, " ").trim()).join("\t"));
    button.textContent = (await written(lines.join("\n"))) ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy table"; }, 1500);
  });
  table.closest(".scroll").after(button);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
