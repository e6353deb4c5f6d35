// The page: one question, in the address bar; everything shown follows from it.

import { openAdding, startAdding } from "./adding.js";
import { answerTo, forgetAnswers, keepAnswer } from "./answers.js";
import { addPart, focusBox, showInBox, startBox } from "./box.js";
import { showControls, startControls, tellBusy, tellCount } from "./controls.js";
import { hideDetail, pressAct, showDetail, startDetail } from "./detail.js";
import { announce, find } from "./dom.js";
import { CLEAR, countFacets, showFilters, startFilters } from "./filters.js";
import { addHits, checkEnd, emptyGrid, focusHit, focusedHit, startGrid } from "./grid.js";
import { speak, switchLanguage, switchTheme, t, theme } from "./language.js";
import { clearNotice, showEmpty, showHome, showNothing, showTrouble } from "./notices.js";
import { PictureGone } from "./pictures.js";
import { asks, blank, filterCount, fromAddress, sameAnswer, toAddress } from "./question.js";
import { Problem, corpora, item } from "./service.js";
import { key } from "./kept.js";
import { openHelp, startShortcuts } from "./shortcuts.js";

const root = document.documentElement;
const body = document.body;

let home = root.dataset.corpus;
let held = null;
let question = blank(home);
let answer = null;
let asking = null;

/** Go to another question; it is pushed to the history unless `replace`. */
function go(changes, { replace = false } = {}) {
  const next = { ...question, item: "", ...changes };
  if (answer) answer.scroll = scrollY;
  const address = toAddress(next, home);
  if (address === location.pathname + location.search) replace = true;
  history[replace ? "replaceState" : "pushState"]({ inside: true }, "", address);
  show(next);
}

/** Show a question: its answer if it is another one, and the hit that is open in it. */
async function show(next) {
  const another = !answer || sameAnswer(next) !== sameAnswer(answer.question);
  question = next;
  showInBox(question);
  showControls(question);
  showFilters(question);
  document.title = titleOf(question);
  if (another) await showAnswer();
  else answer.question = question;
  await showItem();
}

async function showAnswer() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  answer = answerTo(question);
  clearNotice();
  body.dataset.view = asks(question) ? "answer" : "home";
  if (!asks(question)) {
    answer = null;
    emptyGrid();
    await showBeginning();
    return;
  }
  if (answer.hits.length || answer.request) {
    emptyGrid();
    showHits(answer.hits);
    told();
    scrollTo(0, answer.scroll);
    return;
  }
  body.classList.add("busy");
  tellBusy();
  const mine = answer;
  try {
    const hits = await mine.more(signal);
    if (mine !== answer) return;
    keepAnswer(mine);
    emptyGrid();
    scrollTo(0, 0);
    showHits(hits);
    told();
  } catch (error) {
    if (error.name !== "AbortError" && mine === answer) trouble(error);
  } finally {
    if (mine === answer) body.classList.remove("busy");
  }
}

/** Say how many there are, count the facets, or say that there is nothing. */
function told() {
  tellCount(answer);
  const cut = question.only || question.sort !== "";
  if (!answer.hits.length) {
    const held_ = held?.[question.corpus] ?? {};
    if (answer.total === 0 && !held_.image && !held_.text) showEmpty(question.corpus, add);
    else {
      showNothing(
        { total: answer.total, filtered: filterCount(question) > 0, cut, notes: answer.notes },
        { onAll: () => go({ only: false, sort: "" }), onClear: () => go(CLEAR) },
      );
      announce(t("nothing.title"));
    }
  }
  if (find("#filters").offsetParent !== null) countFacets(answer.hits);
  requestAnimationFrame(checkEnd);
}

function showHits(hits) {
  addHits(hits, question.corpus, (hit) => toAddress({ ...question, item: hit.id }, home), !answer.open);
}

async function nextPage() {
  if (!answer?.open || answer.loading || body.classList.contains("busy")) return;
  const mine = answer;
  find("#grid-foot").dataset.state = "more";
  try {
    const hits = await mine.more(asking?.signal);
    if (mine !== answer) return;
    showHits(hits);
    requestAnimationFrame(checkEnd);
  } catch (error) {
    if (error.name !== "AbortError" && mine === answer) trouble(error);
  } finally {
    if (mine === answer) find("#grid-foot").dataset.state = mine.open ? "" : "end";
  }
}

/** Open, change or close the large view, as the question says. */
async function showItem() {
  if (!question.item) {
    const before = document.querySelector("dialog#hit[open]") ? lastOpen : "";
    hideDetail();
    if (before) focusHit(before);
    return;
  }
  lastOpen = question.item;
  const hits = answer?.hits ?? [];
  const place = hits.findIndex((hit) => hit.id === question.item);
  try {
    const hit = hits[place] ?? alone(await item(question.corpus, question.item));
    if (hit.id === question.item) showDetail(hit, question, { place, count: hits.length, open: answer?.open });
  } catch (error) {
    hideDetail();
    trouble(error);
  }
}
let lastOpen = "";

/** An item as a hit of no search. */
function alone({ id, uri, modality, ...metadata }) {
  return { id, uri, modality, metadata, folded: [] };
}

async function step(way) {
  const place = answer?.hits.findIndex((hit) => hit.id === question.item) ?? -1;
  if (place < 0) return;
  if (way > 0 && place + 2 >= answer.hits.length) await nextPage();
  const next = answer.hits[place + way];
  if (next) go({ item: next.id }, { replace: true });
}

/** Back to the grid: by the history where it leads there, so that Back is not two steps. */
function closeItem() {
  if (history.state?.opened) history.back();
  else go({ item: "" }, { replace: true });
}

function openHit(hit) {
  go({ item: hit.id });
  history.replaceState({ inside: true, opened: true }, "");
}

async function showBeginning() {
  try {
    held ??= await corpora();
  } catch (error) {
    trouble(error);
    return;
  }
  drawCorpora();
  const mine = held[question.corpus];
  const names = Object.keys(held);
  if (!mine && names.length && question.corpus === home && !location.search.includes("c=")) {
    home = names[0]; // the one that the settings name is not there; another is
    go({ corpus: home }, { replace: true });
  } else if (!mine?.image && !mine?.text) {
    showEmpty(question.corpus, add);
  } else {
    showHome(mine, (text) => {
      find("#words").value = text;
      find("#box").requestSubmit();
    });
  }
}

let refused = false;
async function trouble(error) {
  emptyGrid();
  tellCount(null);
  if (error instanceof PictureGone) {
    showTrouble(new Problem(404, { detail: t("picture.gone") }), { onAgain: again });
    return;
  }
  if (!(error instanceof Problem)) console.error(error);
  const problem = error instanceof Problem ? error : new Problem(-1, { detail: String(error) });
  const names = problem.status === 404 ? Object.keys(await corpora().catch(() => ({}))) : [];
  // A column counts from the bracket that was put around the condition.
  const own = problem.title === "Filter" ? question.filter.trim() : question.words.trim();
  if (problem.title === "Filter" && problem.column !== null) problem.column -= 1;
  showTrouble(problem, { onAgain: again, names, refused: problem.status === 401 && refused, own });
  refused = problem.status === 401 && key.get() !== "";
  announce(find("#notice h1").textContent);
}

function again() {
  held = null;
  answer = null;
  refused = key.get() !== "";
  show(question).then(learnCorpora);
}

async function learnCorpora() {
  held ??= await corpora().catch(() => null);
  drawCorpora();
}

function drawCorpora() {
  const select = find("#corpus");
  const names = Object.keys(held ?? {});
  if (!names.includes(question.corpus)) names.unshift(question.corpus);
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === question.corpus)));
  find("#corpus-place").hidden = names.length < 2;
  showControls(question, held?.[question.corpus]);
}

function add() {
  openAdding(question.corpus);
}

function titleOf({ words, terms }) {
  const said = [words, ...terms.filter((term) => term.kind === "text").map((term) => term.value)];
  const text = said.filter(Boolean).join(", ");
  return text ? `${text} – searchengine` : "searchengine";
}

function drawTheme() {
  const name = t(`theme.${theme()}`);
  const button = find("#theme");
  button.dataset.now = theme();
  button.setAttribute("aria-label", name);
  button.title = name;
}

function toggleFilters(open = !body.classList.contains("filtering")) {
  body.classList.toggle("filtering", open);
  find("#filters-open").setAttribute("aria-expanded", String(open));
  if (open && answer) countFacets(answer.hits);
}

function say() {
  speak();
  drawTheme();
  showInBox(question);
  showControls(question, held?.[question.corpus]);
  answer = null;
  emptyGrid();
  show(question);
}

function start() {
  history.scrollRestoration = "manual";
  startBox((changes) => go(changes));
  startControls((changes) => go(changes));
  startFilters((changes) => go(changes));
  startGrid({ onOpen: openHit, onNearEnd: nextPage, hitOf: (id) => answer.hits.find((hit) => hit.id === id) });
  startDetail({
    step,
    close: closeItem,
    more: (hit) => go({ words: "", terms: [{ weight: 1, kind: "id", value: hit.id }], side: question.side }),
    less: (hit) => go({ terms: [...question.terms, { weight: -0.5, kind: "id", value: hit.id }] }),
    near: (latitude, longitude) => go({ filter: `within(gps, ${latitude}, ${longitude}, 5km)` }),
  });
  startAdding(() => {
    forgetAnswers();
    held = null;
    answer = null;
    show(question);
  });
  startShortcuts({
    "/": () => focusBox(),
    "?": openHelp,
    s: () => go({ only: !question.only }),
    f: () => toggleFilters(),
    t: () => (switchTheme(), drawTheme()),
    m: () => pressAct("m") || onFocused((id) => go({ words: "", terms: [{ weight: 1, kind: "id", value: id }] })),
    l: () => pressAct("l") || onFocused((id) => addPart({ weight: -0.5, kind: "id", value: id })),
    c: () => pressAct("c"),
    d: () => pressAct("d"),
    w: () => pressAct("w"),
  });
  find("#theme").addEventListener("click", () => (switchTheme(), drawTheme()));
  find("#language").addEventListener("click", () => (switchLanguage(), say()));
  find("#help-open").addEventListener("click", openHelp);
  find("#add-open").addEventListener("click", add);
  for (const id of ["#filters-open", "#filters-close"]) find(id).addEventListener("click", () => toggleFilters());
  find("#corpus").addEventListener("change", ({ target }) => go({ ...CLEAR, corpus: target.value }));
  find("#mark").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(blank(question.corpus));
    focusBox();
  });
  addEventListener("popstate", () => {
    if (answer) answer.scroll = scrollY;
    show(fromAddress(location.search, home));
  });
  speak();
  drawTheme();
  show(fromAddress(location.search, home)).then(learnCorpora);
  if (!location.search) focusBox();
}

function onFocused(act) {
  const id = focusedHit();
  if (id) act(id);
  return Boolean(id);
}

start();
