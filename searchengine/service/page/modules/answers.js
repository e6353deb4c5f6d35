// Answers and their pages. The last few stay, so that Back shows at once what was there.

import { base64Of } from "./pictures.js";
import { sameAnswer, toRequest } from "./question.js";
import { search } from "./service.js";

const KEPT = 12;
const kept = new Map();

/** What came back for one question: grows page by page. */
class Answer {
  constructor(question) {
    this.question = question;
    this.hits = [];
    this.total = 0;
    this.relevant = null;
    this.notes = [];
    this.cursor = null;
    this.seconds = 0;
    this.scroll = 0;
    this.request = null;
    this.loading = null;
  }

  /** Load the first page, or the next; returns its hits. Throws a `Problem`. */
  more(signal) {
    this.loading ??= this.#load(signal).finally(() => (this.loading = null));
    return this.loading;
  }

  /** Whether there is a page that has not been loaded. */
  get open() {
    return this.cursor !== null;
  }

  async #load(signal) {
    this.request ??= await toRequest(this.question, base64Of);
    const began = performance.now();
    const request = this.cursor === null ? this.request : { ...this.request, cursor: this.cursor };
    const page = await search(this.question.corpus, request, signal);
    if (this.cursor === null) this.seconds = (performance.now() - began) / 1000;
    const known = new Set(this.hits.map((hit) => hit.id));
    const fresh = page.hits.filter((hit) => !known.has(hit.id));
    this.hits.push(...fresh);
    this.total = page.total;
    this.relevant = page.relevant;
    this.notes = page.notes;
    this.cursor = page.hits.length ? page.cursor : null;
    return fresh;
  }
}

/** The answer that is there already, if it is, and else a new one with nothing in it. */
export function answerTo(question) {
  const name = sameAnswer(question);
  const found = kept.get(name);
  if (found) {
    kept.delete(name);
    kept.set(name, found);
    return found;
  }
  return new Answer(question);
}

/** Keep an answer whose first page is there. */
export function keepAnswer(answer) {
  kept.set(sameAnswer(answer.question), answer);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

/** Forget all answers: what is indexed has changed. */
export function forgetAnswers() {
  kept.clear();
}
