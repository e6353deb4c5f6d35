// One result, large: the picture, what is known of it, why it matches, and where to go from it.

import { aboutList } from "./about.js";
import { announce, find, icon, make } from "./dom.js";
import { fileOf, nameOf, relevanceText } from "./grid.js";
import { number, t } from "./language.js";
import { copyText } from "./notices.js";
import { ask, itemAddress } from "./service.js";
import { show, thumbnailAddress } from "./thumbnails.js";
import { explainInto } from "./why.js";

const dialog = find("#hit");
const stage = find("#hit-stage");
const side = find("#hit-side");

const SHOWN_AS_THEY_ARE = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"]);
const LARGEST_BYTES = 15_000_000;

let acts = null;
let current = null;
let reading = null;

/** Make the dialog work. `given` holds `step(way)`, `close()`, `more(hit)`, `less(hit)` and
 *  `near(latitude, longitude)`. */
export function startDetail(given) {
  acts = given;
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    acts.close();
  });
  find("#hit-close").addEventListener("click", () => acts.close());
  find("#hit-before").addEventListener("click", () => acts.step(-1));
  find("#hit-after").addEventListener("click", () => acts.step(1));
  stage.addEventListener("click", (event) => event.target === stage && acts.close());
  dialog.addEventListener("keydown", pressed);
}

/** Show a hit. `question` tells why it is here; `place` and `count` where among the others. */
export function showDetail(hit, question, { place, count, open }) {
  reading?.abort();
  reading = new AbortController();
  current = hit;
  find("#hit-before").disabled = place <= 0;
  find("#hit-after").disabled = place < 0 || place >= count - 1;
  find("#hit-place").textContent =
    place < 0 ? "" : t("hit.place", { place: number(place + 1), count: `${number(count)}${open ? "+" : ""}` });
  const name = nameOf(hit);
  dialog.setAttribute("aria-label", name);
  const overlay = make("canvas", { class: "where", hidden: true, "aria-hidden": "true" });
  stage.replaceChildren(hit.modality === "text" ? words(hit) : picture(hit, question, overlay));
  side.replaceChildren(
    make("h2", {}, name),
    make("p", { class: "quiet" }, hit.relevance === undefined ? null : relevanceText(hit)),
    buttons(hit, question),
    make("section", { class: "why", id: "why", hidden: true }),
    aboutList(hit, acts.near),
  );
  side.scrollTop = 0;
  if (!dialog.open) {
    dialog.showModal();
    find("#hit-close").focus();
  }
  announce(`${name}, ${hit.relevance === undefined ? "" : relevanceText(hit)}`);
  explainInto(find("#why"), overlay, hit, question, reading.signal);
}

/** Close it; it may be closed already. */
export function hideDetail() {
  reading?.abort();
  current = null;
  if (dialog.open) dialog.close();
  stage.replaceChildren();
}

function picture(hit, question, overlay) {
  const { width, height, mime, size } = hit.metadata;
  const image = make("img", { class: "large", alt: nameOf(hit), draggable: "false" });
  const frame = make("div", { class: "canvas" }, image, overlay);
  if (width && height) {
    image.width = width;
    image.height = height;
    frame.style.setProperty("--ratio", width / height);
    frame.style.setProperty("--wide", `${Math.max(1.5 * width, 480)}px`);
  }
  const small = thumbnailAddress(question.corpus, hit.id, 1000);
  const original = itemAddress(question.corpus, hit.id, "original");
  // The thumbnail first: it is there at once. The original takes its place when it has come.
  show(image, small);
  if (SHOWN_AS_THEY_ARE.has(mime) && (size ?? Infinity) <= LARGEST_BYTES && !hit.uri.includes("#")) {
    const whole = new Image();
    whole.addEventListener("load", () => {
      if (current?.id === hit.id && !image.classList.contains("broken")) image.src = whole.src;
    });
    show(whole, original);
  }
  image.addEventListener("error", () => {
    frame.replaceChildren(make("p", { class: "quiet missing" }, t("picture.none")));
  });
  return frame;
}

function words(hit) {
  return make("blockquote", { class: "large-words" }, hit.metadata.caption ?? fileOf(hit));
}

function buttons(hit, question) {
  const button = (name, sign, key, act) =>
    make("button", { type: "button", class: "act", "aria-keyshortcuts": key, onclick: act }, icon(sign), make("span", {}, t(name)));
  const path = hit.metadata.path ?? hit.uri;
  return make(
    "div",
    { class: "acts" },
    button("hit.more", "more", "m", () => acts.more(hit)),
    button("hit.less", "less", "l", () => acts.less(hit)),
    button("hit.copy", "copy", "c", (event) => copyText(path, event.currentTarget)),
    hit.modality === "image" && button("hit.download", "save", "d", () => download(hit, question)),
  );
}

async function download(hit, question) {
  try {
    const blob = await (await ask(itemAddress(question.corpus, hit.id, "original"))).blob();
    const url = URL.createObjectURL(blob);
    make("a", { href: url, download: fileOf(hit).split("#")[0] }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (problem) {
    announce(problem.message || t("picture.none"));
  }
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (event.key in steps) {
    event.preventDefault();
    acts.step(steps[event.key]);
  }
}

/** Press the dialog's button for a letter, if there is one. */
export function pressAct(letter) {
  const button = dialog.open && dialog.querySelector(`[aria-keyshortcuts="${letter}"]`);
  if (button && !button.disabled) button.click();
  return Boolean(button);
}
