// One part of the search: its picture or words, its weight, and the small menu that changes it.

import { find, icon, make } from "./dom.js";
import { number, t } from "./language.js";
import { pictureOf } from "./pictures.js";
import { show, thumbnailAddress } from "./thumbnails.js";

const STEP = 0.25;
const MOST = 4;

/** A list item for a term; `acts` are `change(term)`, `remove()` and `edit()`. */
export function chip(term, corpus, acts) {
  const away = term.weight < 0;
  const said = describe(term);
  const weight = Math.abs(term.weight);
  const open = make(
    "button",
    {
      type: "button",
      class: "chip-body",
      "aria-haspopup": "dialog",
      "aria-label": t("part.open", {
        what: t(away ? "part.unlike" : "part.like", { what: said }),
        weight: number(weight),
      }),
      onclick: () => openMenu(open, term, acts),
      onkeydown: (event) => pressed(event, term, acts),
    },
    away && make("span", { class: "sign" }, "−"),
    face(term, corpus),
    term.kind === "text" && make("span", { class: "chip-words" }, term.value),
    weight !== 1 && make("span", { class: "weight" }, `×${number(weight)}`),
  );
  const away_ = make(
    "button",
    {
      type: "button",
      class: "chip-remove",
      "aria-label": t("part.remove", { what: said }),
      onclick: acts.remove,
    },
    icon("close"),
  );
  return make("li", { class: `chip ${term.kind}${away ? " away" : ""}` }, open, away_);
}

function describe(term) {
  if (term.kind === "text") return `“${term.value}”`;
  return t(term.kind === "picture" ? "part.picture" : "part.id");
}

function face(term, corpus) {
  if (term.kind === "text") return null;
  const image = make("img", { class: "face", alt: "", width: 32, height: 32 });
  if (term.kind === "id") show(image, thumbnailAddress(corpus, term.value, 64));
  else {
    pictureOf(term.value).then((blob) => {
      if (!blob) image.classList.add("broken");
      else {
        image.src = URL.createObjectURL(blob);
        image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
      }
    });
  }
  return image;
}

function pressed(event, term, acts) {
  const steps = { "+": STEP, "=": STEP, ArrowUp: STEP, "-": -STEP, ArrowDown: -STEP };
  if (event.key === "Delete" || event.key === "Backspace") acts.remove();
  else if (event.key in steps) acts.change({ ...term, weight: stepped(term.weight, steps[event.key]) });
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** The size of a weight changes, never its sign: what is left out stays left out. */
function stepped(weight, step) {
  return Math.sign(weight) * Math.min(MOST, Math.max(STEP, Math.abs(weight) + step));
}

/** The menu is the same for all chips; it opens under the one that was pressed. */
function openMenu(anchor, term, acts) {
  const menu = find("#part-menu");
  let next = { ...term };
  const output = make("output", { class: "weight-value" }, number(Math.abs(term.weight)));
  const range = make("input", {
    type: "range",
    id: "part-weight",
    min: STEP,
    max: MOST,
    step: STEP,
    value: Math.abs(term.weight),
    oninput: () => {
      next = { ...next, weight: Math.sign(next.weight) * Number(range.value) };
      output.textContent = number(Number(range.value));
    },
  });
  const side = (label, sign) =>
    make(
      "label",
      { class: "choice" },
      make("input", {
        type: "radio",
        name: "part-sign",
        checked: Math.sign(term.weight) === sign,
        onchange: () => (next = { ...next, weight: sign * Math.abs(next.weight) }),
      }),
      make("span", {}, t(label)),
    );
  menu.replaceChildren(
    make("div", { class: "choices", role: "radiogroup", "aria-label": describe(term) }, side("part.with", 1), side("part.not", -1)),
    make("div", { class: "weight-row" }, make("label", { for: "part-weight" }, t("part.weight")), range, output),
    make(
      "div",
      { class: "menu-row" },
      term.kind === "text" &&
        make("button", { type: "button", class: "plain", onclick: () => closeMenu(menu, acts.edit) }, t("part.edit")),
      make("button", { type: "button", class: "primary", onclick: () => menu.hidePopover() }, t("part.done")),
    ),
  );
  menu.ontoggle = (event) => {
    if (event.newState !== "closed") return;
    menu.ontoggle = null;
    if (next.weight !== term.weight) acts.change(next);
    else anchor.focus();
  };
  menu.showPopover();
  const box = anchor.getBoundingClientRect();
  const width = menu.offsetWidth;
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
  menu.style.top = `${box.bottom + 6}px`;
  range.focus();
}

function closeMenu(menu, then) {
  menu.ontoggle = null;
  menu.hidePopover();
  then();
}
