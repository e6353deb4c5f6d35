// One line over the results: how many there are, and the few switches that change that.

import { find, make } from "./dom.js";
import { counted, number, t } from "./language.js";
import { SORTS, filterCount } from "./question.js";

const only = find("#only");
const hybrid = find("#hybrid");
const sort = find("#sort");
const count = find("#count");

/** The level from which "relevant" is more often right than wrong (docs/relevance.md). */
const STANDS_OUT = 0.5;

/** Make the controls work. `onChange(changes)` is called with what differs. */
export function startControls(onChange) {
  only.addEventListener("change", () => onChange({ only: only.checked }));
  hybrid.addEventListener("change", () => onChange({ hybrid: hybrid.checked }));
  sort.addEventListener("change", () => onChange({ sort: sort.value }));
  for (const name of SORTS) sort.append(make("option", { value: name, "data-t": `sort.${name}` }));
}

/** Show a question's choices; `held` is what its corpus holds. */
export function showControls(question, held) {
  // Who sorts sees only what stands out: by date, all the rest would stand in between.
  const forced = question.sort !== "";
  only.checked = question.only || forced;
  only.disabled = forced;
  only.closest("label").title = t(forced ? "only.forced" : "only.about");
  hybrid.checked = question.hybrid;
  if (held) find("#hybrid-place").hidden = !held.fullText && !question.hybrid;
  sort.value = question.sort;
}

/** Say that an answer is on its way. */
export function tellBusy() {
  find("#nearest").hidden = true;
  count.textContent = t("searching");
}

/** Say how many results an answer has; `null` for no answer. */
export function tellCount(answer) {
  find("#nearest").hidden = true;
  if (!answer) {
    count.textContent = "";
    return;
  }
  const { question, relevant, total, hits, seconds } = answer;
  const time = t("took", { seconds: number(seconds, { maximumFractionDigits: seconds < 1 ? 2 : 1 }) });
  const said = relevant === null ? all(question, total) : standing(question, relevant, total);
  count.replaceChildren(said, make("span", { class: "took" }, ` · ${time}`));
  find("#spoken").textContent = said;
  const best = Math.max(0, ...hits.map((hit) => hit.relevance ?? 1));
  find("#nearest").hidden = relevant !== null || !hits.length || best >= STANDS_OUT;
}

function all(question, total) {
  return filterCount(question) ? t("all.filtered") : counted(`all.${question.side}`, total);
}

function standing(question, relevant, total) {
  const among = { image: "among", text: "among.text", both: "among.both" }[question.side];
  return `${counted("standing", relevant)} ${counted(among, total)}`;
}
