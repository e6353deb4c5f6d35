// The one box: words, pictures, results and any mix of them, as parts with a weight each.

import { chip } from "./chip.js";
import { announce, find } from "./dom.js";
import { t } from "./language.js";
import { keepPicture, pictureFiles } from "./pictures.js";
import { parseTyped } from "./question.js";

/** What one part is dragged as, from a result into the box. */
export const DRAGGED = "application/x-searchengine-item";

const form = find("#box");
const input = find("#words");
const list = find("#parts");

let terms = [];
let corpus = "";
let changed = () => {};

/** Make the box work. `onChange({ words, terms })` is called when somebody wants an answer. */
export function startBox(onChange) {
  changed = () => onChange({ words: input.value, terms });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener("keydown", typing);
  input.addEventListener("input", showButtons);
  find("#and").addEventListener("click", () => makePart(1));
  find("#without").addEventListener("click", () => makePart(-1));
  find("#clear").addEventListener("click", clear);
  find("#choose").addEventListener("change", (event) => {
    takeFiles(pictureFiles(event.target.files));
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = pictureFiles(event.clipboardData?.files);
    if (!files.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    takeFiles(files);
  });
  takeDrops();
}

/** Show a question's words and parts. */
export function showInBox(question) {
  terms = question.terms.map((term) => ({ ...term }));
  corpus = question.corpus;
  if (document.activeElement !== input || input.value.trim() !== question.words) {
    input.value = question.words;
  }
  draw();
}

export function focusBox() {
  input.focus();
  input.select();
}

/** Add a part, and ask. */
export function addPart(term) {
  terms = [...terms, term];
  draw();
  changed();
}

/** Read what is typed: a sign or a weight makes parts of it, plain words stay words. */
function submit() {
  const typed = parseTyped(input.value);
  const plain = typed.length === 1 && typed[0].kind === "text" && typed[0].weight === 1;
  if (typed.length && !plain) {
    terms = [...terms, ...typed];
    input.value = "";
  }
  draw();
  changed();
}

function makePart(sign) {
  const typed = parseTyped(input.value);
  if (!typed.length) {
    input.focus();
    return;
  }
  terms = [...terms, ...typed.map((term) => ({ ...term, weight: sign * term.weight }))];
  input.value = "";
  input.focus();
  draw();
  changed();
}

function typing(event) {
  if (event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    makePart(event.shiftKey ? -1 : 1);
  } else if (event.key === "Backspace" && !input.value && terms.length) {
    // The last part becomes text again, to be changed.
    const last = terms.at(-1);
    terms = terms.slice(0, -1);
    if (last.kind === "text") {
      event.preventDefault();
      input.value = last.value;
    }
    draw();
    if (last.kind !== "text") changed();
  }
}

function clear() {
  terms = [];
  input.value = "";
  input.focus();
  draw();
  changed();
}

function draw() {
  list.replaceChildren(
    ...terms.map((term, place) =>
      chip(term, corpus, {
        change: (next) => {
          terms = terms.map((one, at) => (at === place ? next : one));
          draw();
          changed();
          list.children[place]?.querySelector("button")?.focus();
        },
        remove: () => {
          terms = terms.filter((_, at) => at !== place);
          draw();
          changed();
          (list.children[Math.min(place, terms.length - 1)]?.querySelector("button") ?? input).focus();
        },
        edit: () => {
          terms = terms.filter((_, at) => at !== place);
          input.value = term.value;
          draw();
          focusBox();
        },
      }),
    ),
  );
  list.hidden = !terms.length;
  showButtons();
}

function showButtons() {
  const typed = Boolean(input.value.trim());
  form.classList.toggle("typed", typed);
  form.classList.toggle("filled", typed || terms.length > 0);
  input.placeholder = t(terms.length ? "box.hint.more" : "box.hint");
}

async function takeFiles(files) {
  if (!files.length) return;
  const names = await Promise.all(files.slice(0, 8).map(keepPicture));
  terms = [...terms, ...names.map((value) => ({ weight: 1, kind: "picture", value }))];
  draw();
  changed();
}

function takeDrops() {
  const veil = find("#veil");
  const wanted = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === DRAGGED);
  let inside = 0;
  const show = (visible) => {
    inside = visible ? inside : 0;
    veil.hidden = !visible;
  };
  window.addEventListener("dragenter", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    inside += 1;
    show(true);
  });
  window.addEventListener("dragover", (event) => {
    if (wanted(event)) event.preventDefault();
  });
  window.addEventListener("dragleave", (event) => {
    if (wanted(event) && --inside <= 0) show(false);
  });
  window.addEventListener("dragend", () => show(false));
  window.addEventListener("drop", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    show(false);
    const id = event.dataTransfer.getData(DRAGGED);
    if (id) {
      addPart({ weight: 1, kind: "id", value: id });
      return;
    }
    const files = pictureFiles(event.dataTransfer.files);
    if (files.length) takeFiles(files);
    else announce(t("drop.bad"));
  });
}
