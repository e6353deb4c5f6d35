// Keys: single letters where nobody types, all listed by `?`, and switched off there (WCAG 2.1.4).

import { find, make } from "./dom.js";
import { keep, kept } from "./kept.js";
import { t } from "./language.js";

const dialog = find("#help");

/** What is listed: the keys, and the words for what they do. */
const LISTED = [
  [["/"], "help.search"],
  [["?"], "help.help"],
  [["←", "→", "↑", "↓"], "help.grid"],
  [["Enter"], "help.open"],
  [["←", "→"], "help.steps"],
  [["Esc"], "help.close"],
  [["m"], "help.more"],
  [["l"], "help.less"],
  [["c"], "help.copy"],
  [["d"], "help.save"],
  [["w"], "help.where"],
  [["s"], "help.only"],
  [["f"], "help.filters"],
  [["t"], "help.theme"],
  [["Ctrl", "Enter"], "help.part"],
  [["+", "−"], "help.weight"],
  [["Delete"], "help.remove"],
];

/** Listen. `acts` are functions by letter. */
export function startShortcuts(acts) {
  find("#help-close").addEventListener("click", () => dialog.close());
  const letters = find("#letters");
  letters.checked = kept("letters", "on") === "on";
  letters.addEventListener("change", () => keep("letters", letters.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select")) return;
    if (dialog.open || !letters.checked || !(event.key in acts)) return;
    if (acts[event.key]() !== false) event.preventDefault();
  });
}

/** Show the list of keys. */
export function openHelp() {
  find("#keys").replaceChildren(
    ...LISTED.flatMap(([keys, name]) => [
      make("dt", {}, ...keys.map((one) => make("kbd", {}, one))),
      make("dd", {}, t(name)),
    ]),
  );
  dialog.showModal();
}
