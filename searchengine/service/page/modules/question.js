// The question as a value: what is in the address bar, and what is sent to the service.

export const SIDES = { image: ["image"], text: ["text"], both: ["image", "text"] };
export const SORTS = ["", "-taken_at", "taken_at", "-relevance", "uri", "-size"];
export const PAGE = 40;

/** A question that asks nothing yet. */
export function blank(corpus) {
  return {
    corpus,
    words: "",
    terms: [],
    side: "image",
    only: false,
    hybrid: false,
    sort: "",
    from: "",
    to: "",
    is: [],
    filter: "",
    item: "",
  };
}

/** Whether anything is asked for. */
export function asks(question) {
  return Boolean(question.words.trim()) || question.terms.some((term) => term.weight > 0);
}

/** The question that an address's search part holds. */
export function fromAddress(search, corpus) {
  const given = new URLSearchParams(search);
  const side = given.get("side");
  const sort = given.get("sort");
  return {
    corpus: given.get("c") || corpus,
    words: given.get("q") ?? "",
    terms: given.getAll("t").map(readTerm).filter(Boolean),
    side: side in SIDES ? side : "image",
    only: given.has("only"),
    hybrid: given.has("hybrid"),
    sort: SORTS.includes(sort) ? sort : "",
    from: day(given.get("from")),
    to: day(given.get("to")),
    is: given.getAll("is").map(readIs).filter(Boolean),
    filter: given.get("filter") ?? "",
    item: /^[0-9a-f]{32}$/.test(given.get("item") ?? "") ? given.get("item") : "",
  };
}

/** The address of a question, the reverse of `fromAddress`; `home` is the corpus left unsaid. */
export function toAddress(question, home) {
  const said = new URLSearchParams();
  if (question.corpus !== home) said.set("c", question.corpus);
  if (question.words.trim()) said.set("q", question.words.trim());
  for (const { weight, kind, value } of question.terms) said.append("t", `${weight}:${kind}:${value}`);
  if (question.side !== "image") said.set("side", question.side);
  for (const name of ["only", "hybrid"]) if (question[name]) said.set(name, "1");
  for (const name of ["sort", "from", "to", "filter", "item"]) {
    if (question[name].trim()) said.set(name, question[name].trim());
  }
  for (const { key, value } of question.is) said.append("is", `${key}:${value}`);
  const text = said.toString();
  return text ? `/?${text}` : "/";
}

/** What the answer depends on: the address without the hit that is open. */
export function sameAnswer(question) {
  return toAddress({ ...question, item: "" }, "");
}

/** The filter, as the service reads it; "" for none. What a person wrote comes first, so that a
 *  column in a complaint about it can be found again. */
export function filterText(question) {
  const parts = question.filter.trim() ? [`(${question.filter.trim()})`] : [];
  if (question.from) parts.push(`taken_at >= ${question.from}`);
  if (question.to) parts.push(`taken_at <= ${question.to}`);
  const keys = [...new Set(question.is.map((one) => one.key))];
  for (const key of keys) {
    const any = question.is.filter((one) => one.key === key).map(({ value }) => test(key, value));
    parts.push(any.length === 1 ? any[0] : `(${any.join(" or ")})`);
  }
  return parts.join(" and ");
}

/** How many filters a question has. */
export function filterCount({ from, to, is, filter }) {
  return is.length + [from, to, filter].filter(Boolean).length;
}

/** The question as the service's JSON; `picture` gives the base64 of a picture by its name. */
export async function toRequest(question, picture) {
  const terms = [];
  if (question.words.trim()) terms.push({ text: question.words.trim() });
  for (const { weight, kind, value } of question.terms) {
    const what = kind === "picture" ? { image_base64: await picture(value) } : { [kind]: value };
    terms.push({ ...what, weight });
  }
  const request = { terms, modalities: SIDES[question.side], limit: PAGE };
  const filter = filterText(question);
  if (filter) request.filter = filter;
  if (question.only) request.relevant_only = true;
  if (question.hybrid) request.hybrid = true;
  if (question.sort) request.sort = question.sort;
  // Who asks for more like something has that already.
  const shown = question.terms.filter((term) => term.kind === "id" && term.weight > 0);
  if (shown.length) request.exclude = shown.map((term) => term.value);
  return request;
}

/** What is typed as the terms it stands for: `2:red boat + beach - people`. A sign stands alone;
 *  what is in double quotes is left as it is. One plain term is left to be words. */
export function parseTyped(text) {
  const pieces = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const groups = [{ sign: 1, words: [] }];
  for (const piece of pieces) {
    if (/^[+＋]$/.test(piece)) groups.push({ sign: 1, words: [] });
    else if (/^[-－]$/.test(piece)) groups.push({ sign: -1, words: [] });
    else groups.at(-1).words.push(piece);
  }
  return groups
    .filter((group) => group.words.length)
    .map(({ sign, words }) => typedTerm(sign, words.join(" ")));
}

function typedTerm(sign, text) {
  const weighted = /^(\d+(?:\.\d*)?|\.\d+)[:：](?!\d)(?=.)(.*)$/s.exec(text);
  const weight = sign * (weighted ? Number(weighted[1]) : 1);
  const rest = (weighted ? weighted[2] : text).trim();
  if (/^id:[0-9a-f]{32}$/.test(rest)) return { weight, kind: "id", value: rest.slice(3) };
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(rest);
  return { weight, kind: "text", value: quoted ? quoted[1].replace(/\\(.)/g, "$1") : rest };
}

function readTerm(text) {
  const match = /^(-?\d+(?:\.\d+)?):(text|id|picture):([\s\S]+)$/.exec(text);
  return match && { weight: Number(match[1]), kind: match[2], value: match[3] };
}

function readIs(text) {
  const cut = text.indexOf(":");
  return cut > 0 ? { key: text.slice(0, cut), value: text.slice(cut + 1) } : null;
}

function day(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? text : "";
}

function test(key, value) {
  if (key === "year") return `taken_at = ${/^\d{4}$/.test(value) ? value : "0001"}`;
  return `${field(key)} == "${value.replace(/["\\]/g, "\\$&")}"`;
}

function field(key) {
  if (!key.startsWith("meta.")) return key;
  const path = key.slice(5);
  return /^[A-Za-z_]\w*$/.test(path) ? key : `meta["${path.replace(/["\\]/g, "\\$&")}"]`;
}
