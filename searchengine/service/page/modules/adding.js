// Pictures on their way into the corpus, live; what failed is listed.

import { find, make } from "./dom.js";
import { counted, number, t } from "./language.js";
import { command } from "./notices.js";
import { addPictures, follow } from "./service.js";

const dialog = find("#adding");
const own = find("#own-job");
const others = find("#jobs");
const AGAIN_MS = 3000;
const A_TIME = 4;

let corpus = "";
let following = null;
let changed = () => {};
let count = null;

/** Make the dialog work. `onChange()` is called when the corpus holds something else. */
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
  if (corpus !== name) own.replaceChildren();
  corpus = name;
  count = null;
  others.replaceChildren();
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

/** Show what the service tells: how much there is, and what is being written by anybody. */
function show(state) {
  const items = (state.items.image ?? 0) + (state.items.text ?? 0);
  if (count !== null && items !== count) changed();
  count = items;
  find("#watched").textContent = t("watch.now", { count: number(items) });
  // What is sent from here has its own line, for the whole of it, though it goes in pieces.
  const all = own.childElementCount ? [] : state.jobs;
  const telling = all.filter((job) => job.finished === null || job.failed > 0);
  others.replaceChildren(...telling.toReversed().map((job) => line(job, "li")));
}

function line({ total, done, failed, failures }, tag) {
  const bar = make("progress", { max: Math.max(1, total), value: done + failed, "aria-label": t("add") });
  const rows = failures.map(({ name, message }) =>
    make("li", {}, make("b", {}, name), make("span", { lang: "en" }, ` ${message}`)),
  );
  return make(
    tag,
    {},
    make("p", {}, t("add.done", { done: number(done), total: number(total) })),
    bar,
    failed > 0 &&
      make("details", { open: true }, make("summary", {}, counted("add.failed", failed)), make("ul", { class: "failures" }, rows)),
  );
}

/** Send pictures, some at a time, so that one request is not the size of a holiday. */
async function send(files) {
  find("#add-problem").replaceChildren();
  const job = { total: files.length, done: 0, failed: 0, failures: [] };
  own.replaceChildren(line(job, "div"));
  others.replaceChildren();
  for (let at = 0; at < files.length; at += A_TIME) {
    const some = files.slice(at, at + A_TIME);
    try {
      const { items } = await addPictures(corpus, some);
      for (const [place, one] of items.entries()) tally(job, some[place], one.problem);
    } catch (problem) {
      // Of pictures that all failed the first one's problem is the answer.
      if (![413, 422].includes(problem.status)) {
        refuse(problem);
        return;
      }
      for (const file of some) tally(job, file, { detail: problem.message });
    }
    own.replaceChildren(line(job, "div"));
  }
}

function tally(job, file, problem) {
  if (!problem) job.done += 1;
  else {
    job.failed += 1;
    job.failures.push({ name: file.name, message: problem.detail });
  }
}

/** The service takes no pictures, from nobody or from this key, or cannot just now. */
function refuse(problem) {
  const closed = problem.title === "NotAllowed" || problem.status === 405;
  const words = closed ? t("add.cannot") : problem.message || t("trouble.0");
  own.replaceChildren();
  find("#add-problem").replaceChildren(
    make("p", { class: "detail", role: "alert" }, words),
    closed ? command(`searchengine index ~/Pictures --corpus ${corpus}`) : make("p", { class: "quiet", lang: "en" }, problem.hint),
  );
}
