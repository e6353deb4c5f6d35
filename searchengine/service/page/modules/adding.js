// Pictures on their way into the corpus, live; what failed is listed.

import { find, make } from "./dom.js";
import { counted, number, t } from "./language.js";
import { command } from "./notices.js";
import { addPictures, follow } from "./service.js";

const dialog = find("#adding");
const jobs = find("#jobs");
const AGAIN_MS = 3000;
const A_TIME = 8;

let corpus = "";
let following = null;
let changed = () => {};
let count = null;

/** Make the dialog work. `onChange(items)` is called when the corpus holds something else. */
export function startAdding(onChange) {
  changed = onChange;
  find("#add-files").addEventListener("change", ({ target }) => {
    send([...target.files]);
    target.value = "";
  });
  find("#adding-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => following?.abort());
}

/** Open the dialog for a corpus, and follow what happens to it while it is open. */
export function openAdding(name) {
  corpus = name;
  count = null;
  jobs.replaceChildren();
  find("#add-problem").replaceChildren();
  dialog.showModal();
  following = new AbortController();
  watch(following.signal);
}

async function watch(signal) {
  while (!signal.aborted) {
    try {
      await follow(corpus, show, signal);
    } catch {
      if (signal.aborted) return;
      find("#watched").textContent = t("watch.lost");
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

function show(state) {
  const items = (state.items.image ?? 0) + (state.items.text ?? 0);
  if (count !== null && items !== count) changed(state.items);
  count = items;
  find("#watched").textContent = t("watch.now", { count: number(items) });
  jobs.replaceChildren(...state.jobs.toReversed().map(job));
}

function job({ total, done, failed, failures, finished }) {
  const bar = make("progress", { max: Math.max(1, total), value: done + failed, "aria-label": t("add") });
  return make(
    "li",
    { class: finished === null ? "busy" : "ended" },
    make("p", {}, t("add.done", { done: number(done), total: number(total) })),
    bar,
    failed > 0 &&
      make(
        "details",
        { open: true },
        make("summary", {}, counted("add.failed", failed)),
        make("ul", { class: "failures" }, ...failures.map(({ name, message }) => make("li", {}, make("b", {}, name), make("span", { lang: "en" }, ` ${message}`)))),
      ),
  );
}

/** Send pictures, some at a time, so that one request is not the size of a holiday. */
async function send(files) {
  const said = find("#add-problem");
  said.replaceChildren();
  for (let at = 0; at < files.length; at += A_TIME) {
    const some = files.slice(at, at + A_TIME);
    said.replaceChildren(t("add.sending", { count: number(files.length - at) }));
    try {
      await addPictures(corpus, some);
    } catch (problem) {
      const closed = [404, 405, 501].includes(problem.status);
      said.replaceChildren(
        make("p", { class: "detail", role: "alert" }, closed ? t("add.cannot") : problem.message || t(`trouble.${problem.status || 0}`)),
        closed ? command(`searchengine index ~/Pictures --corpus ${corpus}`) : problem.hint && make("p", { class: "quiet", lang: "en" }, problem.hint) || "",
      );
      return;
    }
  }
  said.replaceChildren();
}
