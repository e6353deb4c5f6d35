// Pages of their own: the beginning, an empty corpus, nothing that stands out, and trouble.

import { find, icon, make } from "./dom.js";
import { counted, number, t } from "./language.js";
import { key } from "./kept.js";

const place = find("#notice");

let timer = 0;

/** Show no notice. */
export function clearNotice() {
  clearInterval(timer);
  place.replaceChildren();
  place.hidden = true;
}

function showNotice(kind, ...children) {
  clearNotice();
  place.className = `notice ${kind}`;
  place.replaceChildren(...children.flat().filter(Boolean));
  place.hidden = false;
}

/** The beginning: what this is, and what there is to search. */
export function showHome(held, onTry) {
  const held_ = held?.image
    ? [counted("home.count", held.image), held.text && counted("home.texts", held.text)]
    : [held?.text && counted("home.texts", held.text)];
  showNotice(
    "home",
    make("h1", {}, t("home.title")),
    make("p", { class: "lead" }, t("home.text")),
    make(
      "p",
      { class: "tries" },
      make("span", {}, t("home.try")),
      ...["home.try.1", "home.try.2", "home.try.3"].map((name) =>
        make("button", { type: "button", class: "try", onclick: () => onTry(t(name)) }, t(name)),
      ),
    ),
    make("p", { class: "quiet held" }, held_.filter(Boolean).join(" · ")),
  );
}

/** A corpus with nothing in it says how to fill it. */
export function showEmpty(corpus, onAdd) {
  showNotice(
    "empty",
    make("h1", {}, t("empty.title")),
    make("p", { class: "lead" }, t("empty.text")),
    command(`searchengine index ~/Pictures --corpus ${shellWord(corpus)}`),
    make("p", {}, t("empty.add")),
    make("p", {}, make("button", { type: "button", class: "primary", onclick: onAdd }, t("add"))),
  );
}

/** Nothing stands out, or nothing is left by the filters. */
export function showNothing({ total, filtered, cut, notes }, { onAll, onClear }) {
  const emptied = !cut && filtered;
  showNotice(
    "nothing",
    sketch(),
    make("h1", {}, t(emptied ? "nothing.filtered" : "nothing.title")),
    make("p", { class: "lead" }, t(emptied ? "nothing.filtered.text" : "nothing.text", { count: number(total) })),
    ...notes.map((note) => make("p", { class: "quiet", lang: "en" }, note)),
    make(
      "p",
      { class: "row" },
      cut && make("button", { type: "button", class: "primary", onclick: onAll }, t("nothing.all")),
      filtered && make("button", { type: "button", class: "plain", onclick: onClear }, t("nothing.clear")),
    ),
  );
}

/** What went wrong, in words, with the way on. */
export function showTrouble(problem, { onAgain, names = [], refused = false, own = "" }) {
  const { status } = problem;
  if (status === 401) {
    showNotice("trouble", ...keyForm(onAgain, refused));
    return;
  }
  const waits = status === 429 || status === 503;
  const known = [0, 403, 404, 413, 422, 429, 503].includes(status);
  const live = make("p", { class: "lead" });
  showNotice(
    "trouble",
    make("h1", {}, t(known ? `trouble.${status}` : "trouble.title")),
    status === 0 && make("p", { class: "lead" }, t("trouble.0.text")),
    // What the service says is in English whatever the page speaks.
    problem.message && make("p", { class: "detail", lang: "en" }, problem.message.replace(/ \(column \d+\)$/, "")),
    problem.column !== null && own && caret(own, problem.column),
    problem.hint && make("p", { class: "quiet hint", lang: "en" }, withoutPointing(problem.hint)),
    waits && live,
    names.length > 0 && make("p", {}, t("trouble.corpora", { names: names.join(", ") })),
    make("p", {}, make("button", { type: "button", class: "primary", onclick: onAgain }, t("trouble.again"))),
  );
  if (waits) countDown(live, `trouble.${status}.text`, Math.max(problem.retryAfter, status === 503 ? 5 : 1), onAgain);
}

function countDown(live, words, seconds, then) {
  const tell = () => (live.textContent = t(words, { seconds: number(seconds) }));
  tell();
  timer = setInterval(() => {
    seconds -= 1;
    tell();
    if (seconds <= 0) {
      clearInterval(timer);
      then();
    }
  }, 1000);
}

function keyForm(onAgain, refused) {
  const input = make("input", { type: "password", id: "key", name: "key", autocomplete: "off", required: true });
  const form = make(
    "form",
    {
      class: "key-form",
      onsubmit: (event) => {
        event.preventDefault();
        key.set(input.value.trim());
        onAgain();
      },
    },
    make("label", { for: "key" }, t("key.label")),
    input,
    make("button", { type: "submit", class: "primary" }, t("key.use")),
  );
  return [
    make("h1", {}, t("trouble.401")),
    make("p", { class: "lead" }, t("trouble.401.text")),
    refused && make("p", { class: "detail", role: "alert" }, t("trouble.401.again")),
    form,
  ];
}

/** A hint begins with the text and a mark under it where a column is known: drawn here anyway. */
function withoutPointing(hint) {
  const lines = hint.split("\n");
  const mark = lines.findIndex((line) => /^\s*\^\s*$/.test(line));
  return lines.slice(mark + 1).join(" ").trim();
}

/** What was written, with a mark under the character that is wrong. */
function caret(text, column) {
  return make("pre", { class: "caret" }, `${text}\n${" ".repeat(Math.max(0, column))}▲`);
}

/** A command with a button that copies it. */
export function command(text) {
  const button = make(
    "button",
    { type: "button", class: "plain square", "aria-label": t("command"), title: t("command"), onclick: () => copyText(text, button) },
    icon("copy"),
  );
  return make("p", { class: "command" }, make("code", {}, text), button);
}

/** Copy a text, and say on the button whether it worked. */
export async function copyText(text, button) {
  const worked = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => copiedByHand(text),
  ) ?? copiedByHand(text);
  const words = button.querySelector("span") ?? button;
  const before = words.getAttribute("data-before") ?? words.textContent;
  const icons = button === words ? [...words.children] : null;
  words.setAttribute("data-before", before);
  words.textContent = t(worked ? "copied" : "copied.not");
  find("#spoken").textContent = words.textContent;
  setTimeout(() => {
    words.textContent = before;
    if (icons) words.replaceChildren(...icons);
  }, 1600);
}

/** Outside of https and localhost a page has no clipboard: the old way, then. */
function copiedByHand(text) {
  const area = make("textarea", { class: "unseen", readonly: true });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.value = text;
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  return worked;
}

function shellWord(text) {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** An empty frame: nothing hangs here. */
function sketch() {
  return make("div", { class: "frame", "aria-hidden": "true" });
}
