// The entry of the page: fills the page around the sides, and opens the episode and the step that the address names.

import { readAddress } from "./address.js";
import { seek, startClock } from "./clock.js";
import { byId, element, fact } from "./document.js";
import { makeKeys } from "./keys.js";
import { brief } from "./numbers.js";
import { index, openEpisode, openNumber, recolorAll, showStep } from "./sides.js";
import { makeTheme } from "./theme.js";

function episodeLabel({ number, steps, total_reward: total }) {
  return `${number}: return ${brief(total)}, ${steps} steps`;
}

function followAddress() {
  const { episode, step } = readAddress();
  if (episode !== null) openNumber(episode);
  if (step !== null) seek(step);
}

byId("title").textContent = byId("title").title = index.title;
fact(byId("made"), "make again", index.again);
byId("sides").append(...index.sides.map(() => element("article", "side")));
byId("main").classList.toggle("pair", index.sides.length > 1);
document.body.classList.toggle("wide", index.sides.length > 1);
byId("episode").append(...index.sides[0].map((outcome, k) => new Option(episodeLabel(outcome), k)));
byId("episode-label").hidden = index.sides[0].length === 1;
byId("episode").addEventListener("change", () => openEpisode(Number(byId("episode").value)));
const speed = `1× is ${brief(index.speed)} steps per second${index.speed_known ? "" : ", assumed"}`;
byId("speed").title = `${speed}; < and > change it`;
makeTheme(recolorAll);
startClock(index.speed, showStep);
makeKeys();
openEpisode(0);
followAddress();
addEventListener("hashchange", followAddress);
