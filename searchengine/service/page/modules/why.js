// Why a result matches: what each part and each word does to its score, and where in the picture.

import { make } from "./dom.js";
import { number, t } from "./language.js";
import { base64Of } from "./pictures.js";
import { asks, toRequest } from "./question.js";
import { explain } from "./service.js";

/** Fill a section with an explanation; the canvas lies over the picture and shows where. */
export async function explainInto(section, canvas, hit, question, signal) {
  if (!asks(question)) return;
  section.hidden = false;
  section.replaceChildren(title(), make("p", { class: "quiet" }, `${t("why.reading")} …`));
  try {
    const { terms } = await toRequest(question, base64Of);
    const said = await explain(question.corpus, hit.id, { terms }, signal);
    section.replaceChildren(
      title(),
      make("ul", { class: "effects" }, ...said.terms.map(effect)),
      hit.modality === "image" && whereButton(canvas, hit, question, terms, signal),
    );
  } catch (error) {
    if (error.name === "AbortError") return;
    section.replaceChildren(title(), make("p", { class: "quiet" }, t("why.failed")));
  }
}

function title() {
  return make("h3", { title: t("why.about") }, t("why.title"));
}

/** One part: how much of the score is its doing, and each of its words as dark as it matters. */
function effect(term) {
  const moved = term.moved ?? term.cosine;
  const label = /^id:/.test(term.term) ? t("part.id") : term.kind === "image" ? t("part.picture") : term.term;
  const most = Math.max(1e-9, ...term.words.map((word) => Math.abs(word.moved ?? 0)));
  const named = term.words.length > 1 ? withWords(term, most) : label;
  return make(
    "li",
    { class: moved < 0 ? "down" : "up" },
    make("span", { class: "effect-words" }, term.weight < 0 && "− ", named),
    make("span", { class: "effect-moved" }, `${moved < 0 ? "−" : "+"}${number(Math.abs(moved), { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`),
    make("span", { class: "unseen" }, t(moved < 0 ? "why.down" : "why.up", { what: label })),
  );
}

function withWords(term, most) {
  const pieces = [];
  let at = 0;
  const letters = [...term.term.replace(/^"|"$/g, "")];
  for (const { word, start, moved } of term.words) {
    const before = letters.slice(at, start).join("");
    if (before) pieces.push(before);
    const mark = make("mark", { class: (moved ?? 0) < 0 ? "down" : "up", title: moved === null ? "" : number(moved, { maximumFractionDigits: 3, signDisplay: "always" }) }, word);
    mark.style.setProperty("--share", Math.abs(moved ?? 0) / most);
    pieces.push(mark);
    at = start + [...word].length;
  }
  const rest = letters.slice(at).join("");
  return rest ? [...pieces, rest] : pieces;
}

function whereButton(canvas, hit, question, terms, signal) {
  const button = make("button", { type: "button", class: "plain", "aria-keyshortcuts": "w", "aria-pressed": "false" }, t("why.where"));
  let drawn = false;
  const toggle = (shown) => {
    canvas.hidden = !shown;
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = t(shown ? "why.where.hide" : "why.where");
  };
  button.addEventListener("click", async () => {
    if (drawn) {
      toggle(canvas.hidden);
      return;
    }
    button.disabled = true;
    button.textContent = `${t("why.where.reading")} …`;
    try {
      const said = await explain(question.corpus, hit.id, { terms, map: true }, signal);
      drawn = draw(canvas, said.map);
      button.disabled = !drawn;
      if (drawn) toggle(true);
      else button.textContent = said.no_map ?? t("why.where.none");
    } catch (error) {
      if (error.name === "AbortError") return;
      button.disabled = false;
      button.textContent = t("why.failed");
    }
  });
  return button;
}

/** Dim the picture where covering it changes nothing; false where that is everywhere. */
function draw(canvas, map) {
  if (!map || map.strongest.drop <= 0) return false;
  const top = Math.max(...map.grid.flat());
  canvas.width = map.columns;
  canvas.height = map.rows;
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(map.columns, map.rows);
  map.grid.flat().forEach((value, at) => {
    const share = Math.min(1, Math.max(0, value / top));
    pixels.data[4 * at + 3] = Math.round(215 * (1 - share) ** 1.4);
  });
  pen.putImageData(pixels, 0, 0);
  return true;
}
