// The words of the package's glossary, which the page carries: each with its name and its meaning.

import { byId } from "./document.js";

const { terms } = JSON.parse(byId("data").textContent);

export function termName(key) {
  return terms[key].name;
}

export function termMeaning(key) {
  return terms[key].meaning;
}
