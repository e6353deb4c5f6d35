// Elements made in one expression. Text always goes in as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `make("a", { class: "hit", href, onclick }, child, "text")`.
 *  `null` and `false` attributes and children are left out; `on...` are listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Set or take away one attribute, or add a listener. */
export function set(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (value == null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** An icon of the sprite in the page; it says nothing by itself. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** The one element that a selector names; the page is broken without it. */
export function find(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Tell a screen reader, politely. */
export function announce(text) {
  find("#spoken").textContent = text;
}
