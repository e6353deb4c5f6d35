// The HTTP API as functions. Whatever goes wrong comes out as a `Problem`.

import { key } from "./kept.js";

/** What went wrong: `status` of HTTP, 0 where no service answered; see problem details, RFC 9457. */
export class Problem extends Error {
  constructor(status, { title = "", detail = "", hint = "", column = null } = {}, retryAfter = 0) {
    super(detail || title);
    Object.assign(this, { status, title, hint, column, retryAfter });
  }
}

const base = (corpus) => `/v1/corpora/${encodeURIComponent(corpus)}`;

/** The address of something that belongs to an item: `thumbnail`, `original`, `explain`. */
export function itemAddress(corpus, id, part = "") {
  return `${base(corpus)}/items/${id}${part && `/${part}`}`;
}

/** Ask the service; returns the response of a request that it granted. */
export async function ask(address, { headers = {}, ...options } = {}) {
  const known = key.get();
  if (known) headers = { ...headers, Authorization: `Bearer ${known}` };
  let response;
  try {
    response = await fetch(address, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  const said = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After"));
  return new Problem(response.status, said, Number.isFinite(wait) ? wait : 0);
}

async function askJson(address, options) {
  const response = await ask(address, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
}

function post(address, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return askJson(address, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** All corpora: `{ name: { image: count, text: count, model } }`. */
export async function corpora() {
  const { corpora: sides } = await askJson("/v1/corpora");
  const found = {};
  for (const { corpus, modality, items, model, full_text: fullText } of sides) {
    found[corpus] = { ...found[corpus], [modality]: items, model };
    if (fullText) found[corpus].fullText = true;
  }
  return found;
}

export function search(corpus, request, signal) {
  return post(`${base(corpus)}/search`, request, signal);
}

export function item(corpus, id, signal) {
  return askJson(itemAddress(corpus, id), { signal });
}

export function explain(corpus, id, request, signal) {
  return post(itemAddress(corpus, id, "explain"), request, signal);
}

/** Send pictures to be indexed; what became of each is in `items`, in their order. */
export function addPictures(corpus, files) {
  const body = new FormData();
  for (const [place, file] of files.entries()) body.append(`file${place}`, file, file.name);
  return askJson(`${base(corpus)}/items`, { method: "POST", body });
}

/** Follow a corpus: `heard` is called with each new state, until the signal. Not by EventSource,
 *  which cannot carry a key. Throws a `Problem` when the connection ends. */
export async function follow(corpus, heard, signal) {
  const headers = { Accept: "text/event-stream" };
  const response = await ask(`${base(corpus)}/progress`, { headers, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) throw new Problem(0);
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data) heard(JSON.parse(data.slice(6)));
    }
  }
}
