// The script of a report: the player beside the pictures, links to steps, tables that sort and copy, light and dark.
// Without it the page reads as it is.

import { makeTheme } from "../../replay/page/theme.js";
import { makeLinks } from "./links.js";
import { makePlayer } from "./player.js";
import { makeReplays } from "./replays.js";
import { makeTables } from "./tables.js";

document.documentElement.classList.add("live");
const player = makePlayer();
if (player) makeLinks(player);
makeReplays();
makeTables();
makeTheme(() => player?.redraw());
