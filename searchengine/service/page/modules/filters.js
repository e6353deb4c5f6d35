// What is shown of the results: sides, dates, counted values, a condition of one's own.

import { find, make } from "./dom.js";
import { number, t } from "./language.js";
import { base64Of } from "./pictures.js";
import { asks, filterCount, sameAnswer, toRequest } from "./question.js";
import { search } from "./service.js";

const KEYS = ["year", "camera", "folder", "mime"];
const OWN_KEYS = 3;
const SHOWN = 8;

const panel = find("#filters");
const facets = find("#facets");

let question = null;
let changed = () => {};
let counted = "";
let asking = null;

/** Make the panel work. `onChange(changes)` is called with what differs from the question. */
export function startFilters(onChange) {
  changed = onChange;
  panel.addEventListener("change", ({ target }) => {
    if (target.name === "side") changed({ side: target.value });
    if ((target.name === "from" || target.name === "to") && target.validity.valid) {
      changed({ [target.name]: target.value });
    }
  });
  find("#own").addEventListener("submit", (event) => {
    event.preventDefault();
    changed({ filter: find("#own-text").value.trim() });
  });
  find("#filters-clear").addEventListener("click", () => changed(CLEAR));
}

/** The changes that take all filters away. */
export const CLEAR = { from: "", to: "", is: [], filter: "" };

/** Show a question's filters. */
export function showFilters(next) {
  question = next;
  for (const radio of panel.querySelectorAll('[name="side"]')) radio.checked = radio.value === next.side;
  find("#from").value = next.from;
  find("#to").value = next.to;
  find("#own-text").value = next.filter;
  const count = filterCount(next);
  find("#filters-clear").hidden = !count;
  const badge = find("#filters-count");
  badge.hidden = !count;
  badge.textContent = count ? number(count) : "";
  badge.title = count ? t("filters.active", { count: number(count) }) : "";
}

/** Count values among what stands out, once for a question. `hits` tell the corpus's own columns. */
export async function countFacets(hits, whenFailed) {
  if (!asks(question)) return;
  const name = `${sameAnswer({ ...question, only: false, sort: "" })} ${t("language")}`;
  if (name === counted) return;
  counted = name;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const request = await toRequest({ ...question, sort: "" }, base64Of);
    const keys = [...KEYS, ...ownKeys(hits)];
    const answer = await search(question.corpus, { ...request, limit: 1, facets: keys }, signal);
    draw(answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    counted = "";
    facets.replaceChildren(make("p", { class: "quiet" }, t("facet.failed")));
    whenFailed?.(error);
  }
}

/** Short texts of `meta` that several hits have: a class, a brand. */
function ownKeys(hits) {
  const values = new Map();
  for (const { metadata } of hits) {
    for (const [key, value] of Object.entries(metadata.meta ?? {})) {
      if (typeof value !== "string" || value.length > 40 || key.includes(".")) continue;
      if (!values.has(key)) values.set(key, []);
      values.get(key).push(value);
    }
  }
  return [...values]
    .filter(([, all]) => all.length > 1 && new Set(all).size < all.length)
    .slice(0, OWN_KEYS)
    .map(([key]) => `meta.${key}`);
}

function draw({ facets: found, relevant }) {
  const told = found.filter(({ key, counts }) => counts.length > 1 || chosen(key).length);
  const head = relevant ? t("facet.among", { count: number(relevant) }) : t("facet.none");
  facets.replaceChildren(
    ...(told.length || !relevant ? [make("p", { class: "quiet" }, head)] : []),
    ...told.map(facet),
  );
}

function facet({ key, counts, others }) {
  const values = counts.slice(0, SHOWN);
  const missing = chosen(key).filter((value) => !values.some((one) => one.value === value));
  const more = others + counts.length - values.length;
  return make(
    "fieldset",
    { class: "facet" },
    make("legend", {}, key.startsWith("meta.") ? key.slice(5) : t(`facet.${key}`)),
    ...missing.map((value) => line(key, value, null)),
    ...values.map(({ value, count }) => line(key, value, count)),
    more > 0 && make("p", { class: "quiet" }, t("facet.others", { count: number(more) })),
  );
}

function line(key, value, count) {
  const label = key === "folder" ? `…/${value.split("/").filter(Boolean).slice(-2).join("/")}` : value;
  return make(
    "label",
    { class: "value", title: value },
    make("input", {
      type: "checkbox",
      checked: chosen(key).includes(value),
      onchange: ({ target }) => {
        const others = question.is.filter((one) => one.key !== key || one.value !== value);
        changed({ is: target.checked ? [...others, { key, value }] : others });
      },
    }),
    make("span", { class: "value-name" }, label),
    count !== null && make("span", { class: "value-count" }, number(count)),
  );
}

function chosen(key) {
  return question.is.filter((one) => one.key === key).map((one) => one.value);
}
