// English and Chinese: every word that the page says comes from `strings.js`, through here.

import { kept, keep } from "./kept.js";
import { STRINGS } from "./strings.js";

const root = document.documentElement;

/** The language in force: `en` or `zh`. */
export function language() {
  return root.lang in STRINGS ? root.lang : "en";
}

/** The page's words for something: `t("add.failed", { count: 3 })`. */
export function t(name, values = {}) {
  const text = STRINGS[language()][name];
  if (text === undefined) throw new Error(`there are no words for ${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

/** As `t`, with the form for one thing where there is just one: `name.one`. */
export function counted(name, count) {
  const one = `${name}.one`;
  return t(count === 1 && one in STRINGS[language()] ? one : name, { count: number(count) });
}

export function number(value, options) {
  return new Intl.NumberFormat(language(), options).format(value);
}

export function percent(share) {
  return number(share, { style: "percent", maximumFractionDigits: 0 });
}

/** Bytes, in the unit that reads best. */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let place = 0;
  while (bytes >= 1000 && place < units.length - 1) {
    bytes /= 1000;
    place += 1;
  }
  const maximumFractionDigits = place && bytes < 10 ? 1 : 0;
  return number(bytes, { style: "unit", unit: units[place], maximumFractionDigits });
}

/** A moment as it is written in ISO 8601: the local time of the place where it was taken. */
export function moment(iso) {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?)?/.exec(iso);
  if (!match) return iso;
  const [year, month, day, hour = 0, minute = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const clock = match[4] === undefined ? {} : { timeStyle: "short" };
  return new Intl.DateTimeFormat(language(), { dateStyle: "long", ...clock, timeZone: "UTC" }).format(
    Date.UTC(year, month - 1, day, hour, minute),
  );
}

/** Put the words into all elements that name them: `data-t`, `data-t-label`, `data-t-hint`. */
export function speak(within = document) {
  for (const element of within.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  const places = { tLabel: "aria-label", tTitle: "title", tHint: "placeholder" };
  for (const [data, attribute] of Object.entries(places)) {
    const selector = `[data-${data.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const element of within.querySelectorAll(selector)) {
      element.setAttribute(attribute, t(element.dataset[data]));
    }
  }
}

/** Change to the other language, and remember it. */
export function switchLanguage() {
  root.lang = language() === "en" ? "zh" : "en";
  keep("language", root.lang);
  speak();
}

/** Go through the themes: as the system has it, light, dark. Returns the new one. */
export function switchTheme() {
  const order = ["system", "light", "dark"];
  const next = order[(order.indexOf(theme()) + 1) % order.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  keep("theme", next);
  return next;
}

export function theme() {
  return kept("theme", "system");
}
