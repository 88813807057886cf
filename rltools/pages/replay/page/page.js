// The entry of the page: fills the page around the sides, and opens the episode and the step that the address names.

import { readAddress } from "./address.js";
import { seek, startClock } from "./clock.js";
import { byId, fact } from "./document.js";
import { makeKeys } from "./keys.js";
import { brief } from "./numbers.js";
import { makePrint } from "./print.js";
import { index, makeRoots, openEpisode, openNumber, recolorAll, showStep, watchSizes } from "./sides.js";
import { makeTheme } from "./theme.js";
import { makeTools } from "./tools.js";

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
makeRoots();
byId("episode").append(...index.sides[0].map((outcome, k) => new Option(episodeLabel(outcome), k)));
byId("episode-label").hidden = index.sides[0].length === 1;
byId("episode").addEventListener("change", () => openEpisode(Number(byId("episode").value)));
const speed = `1× is ${brief(index.speed)} steps per second${index.speed_known ? "" : ", assumed"}`;
byId("speed").title = `${speed}; < and > change it`;
makeTheme(recolorAll);
startClock(index.speed, showStep);
makeKeys();
makeTools();
makePrint();
openEpisode(0);
followAddress();
watchSizes();
addEventListener("hashchange", followAddress);
document.fonts.load("11px rltools").then(recolorAll); // what a canvas says is drawn before its font is there
