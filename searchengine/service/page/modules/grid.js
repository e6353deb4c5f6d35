// The results: rows of pictures in their own shapes, loaded as they come near, without end.

import { DRAGGED } from "./box.js";
import { find, make } from "./dom.js";
import { percent, t } from "./language.js";
import { rowsOf } from "./rows.js";
import { showWhenNear } from "./thumbnails.js";

const NARROWEST = 0.4;
const WIDEST = 3.2;
const TEXT_RATIO = 1.5;

const list = find("#grid");
const foot = find("#grid-foot");

let complete = true;
let laidOut = 0;

/** Called when the end of the grid comes near. */
let nearEnd = () => {};

/** Make the grid work. `onOpen(hit)` is called for a hit that is chosen. */
export function startGrid({ onOpen, onNearEnd, hitOf }) {
  nearEnd = onNearEnd;
  new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && nearEnd(), {
    rootMargin: "1200px 0px",
  }).observe(foot);
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a.hit");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    onOpen(hitOf(link.dataset.id));
  });
  new ResizeObserver(() => {
    if (list.clientWidth === laidOut) return;
    laidOut = list.clientWidth;
    layOut();
  }).observe(list);
  list.addEventListener("keydown", moved);
  list.addEventListener("focusin", (event) => {
    const link = event.target.closest("a.hit");
    if (link) setCurrent(link);
  });
  list.addEventListener("dragstart", (event) => {
    const link = event.target.closest("a.hit");
    if (!link) return;
    event.dataTransfer.clearData();
    event.dataTransfer.setData(DRAGGED, link.dataset.id);
    event.dataTransfer.effectAllowed = "copy";
  });
}

/** Show no hits. */
export function emptyGrid() {
  list.replaceChildren();
  complete = true;
}

/** Show further hits behind those that are there. `addressOf(hit)` is the link to one; `whole`
 *  says that these are the last. */
export function addHits(hits, corpus, addressOf, whole) {
  list.append(...hits.map((hit) => tile(hit, corpus, addressOf(hit))));
  complete = whole;
  layOut();
  if (!list.querySelector('a[tabindex="0"]')) setCurrent(list.querySelector("a.hit"));
}

/** Put the keyboard on a hit, and the hit into the window. */
export function focusHit(id) {
  const link = linkOf(id);
  if (!link) return;
  setCurrent(link);
  link.focus({ preventScroll: true });
  link.scrollIntoView({ block: "nearest" });
}

/** The hit that the keyboard is on. */
export function focusedHit() {
  return document.activeElement?.closest("a.hit")?.dataset.id ?? null;
}

/** Look again whether the end is near: after a page that did not fill the window. */
export function checkEnd() {
  if (foot.getBoundingClientRect().top < innerHeight + 1200) nearEnd();
}

/** What a hit is called: the first line of its caption, or its file's name. */
export function nameOf(hit) {
  const caption = hit.metadata.caption?.split("\n")[0].trim();
  return caption || fileOf(hit) || t("picture");
}

/** The name of the file behind a hit, with the frame, page or row in it. */
export function fileOf(hit) {
  const tail = hit.uri.split("/").at(-1);
  try {
    return decodeURIComponent(tail);
  } catch {
    return tail;
  }
}

export function relevanceText(hit) {
  return hit.relevance === null ? t("relevance.none") : t("relevance", { share: percent(hit.relevance) });
}

/** Width by height. A strip or a tower is shown at a bearable shape, cut to it. */
function ratioOf(hit) {
  const { width, height } = hit.metadata;
  const own = width && height ? width / height : 1;
  return hit.modality === "text" ? TEXT_RATIO : Math.min(WIDEST, Math.max(NARROWEST, own));
}

function tile(hit, corpus, address) {
  const ratio = ratioOf(hit);
  const name = nameOf(hit);
  const meter = make("span", { class: "meter", "aria-hidden": "true" });
  meter.style.setProperty("--share", hit.relevance ?? 0);
  const content = hit.modality === "text" ? textFace(hit) : pictureFace(hit, corpus);
  const link = make(
    "a",
    { class: "hit", href: address, "data-id": hit.id, tabindex: "-1", draggable: "true" },
    content,
    hit.modality === "image" && make("span", { class: "says", "aria-hidden": "true" }, name),
    meter,
    make("span", { class: "unseen" }, `, ${relevanceText(hit)}`),
  );
  return make("li", { class: `tile ${hit.modality}`, "data-ratio": ratio }, link);
}

/** Put the tiles into rows. A last row that is not full waits for the next page, so that no tile
 *  that has been seen ever changes its place. */
function layOut() {
  const tiles = [...list.children];
  const style = getComputedStyle(list);
  const width = list.clientWidth;
  if (!tiles.length || !width) return;
  const gap = Number.parseFloat(style.columnGap);
  const target = Number.parseFloat(style.getPropertyValue("--row"));
  const ratios = tiles.map((tile) => Number(tile.dataset.ratio));
  let at = 0;
  for (const { count, height, full } of rowsOf(ratios, width, target, gap)) {
    for (const [place, tile] of tiles.slice(at, at + count).entries()) {
      tile.hidden = !full && !complete;
      // Rounded down by a hair: a row that is too wide by a rounding error would break.
      tile.style.width = `${ratios[at + place] * height - 0.02}px`;
      tile.style.height = `${height}px`;
    }
    at += count;
  }
}

function pictureFace(hit, corpus) {
  const image = make("img", { alt: nameOf(hit), decoding: "async", draggable: "false" });
  showWhenNear(image, corpus, hit.id);
  return image;
}

function textFace(hit) {
  return make("span", { class: "words" }, hit.metadata.caption ?? fileOf(hit));
}

function linkOf(id) {
  return list.querySelector(`a.hit[data-id="${CSS.escape(id)}"]`);
}

/** One tile at a time is reached by Tab; the arrows move among them. */
function setCurrent(link) {
  for (const other of list.querySelectorAll('a[tabindex="0"]')) other.tabIndex = -1;
  if (link) link.tabIndex = 0;
}

function moved(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...list.querySelectorAll("li:not([hidden]) > a.hit")];
  const at = links.indexOf(event.target.closest("a.hit"));
  if (at < 0) return;
  const steps = {
    ArrowRight: () => at + 1,
    ArrowLeft: () => at - 1,
    ArrowDown: () => rowAway(links, at, 1),
    ArrowUp: () => rowAway(links, at, -1),
    Home: () => 0,
    End: () => links.length - 1,
  };
  if (!(event.key in steps)) return;
  const next = links[steps[event.key]()];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** The place of the tile in the next or previous row whose middle is nearest. */
function rowAway(links, at, way) {
  const from = links[at].getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let best = -1;
  let least = Infinity;
  let row = null;
  for (let place = at + way; place >= 0 && place < links.length; place += way) {
    const box = links[place].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 2) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 2) break;
    const away = Math.abs(box.left + box.width / 2 - middle);
    if (away < least) [best, least] = [place, away];
  }
  return best;
}
