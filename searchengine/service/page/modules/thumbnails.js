// Small pictures of items, fetched when they come near the window.

import { key } from "./kept.js";
import { ask, itemAddress } from "./service.js";

const SIZES = [64, 128, 256, 384, 512, 1024];
const NEAR = "600px 0px";

const waiting = new WeakMap();
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      waiting.get(target)?.();
    }
  },
  { rootMargin: NEAR },
);

/** The address of an item's thumbnail that is at least so many CSS pixels long. */
export function thumbnailAddress(corpus, id, pixels) {
  const wanted = pixels * Math.min(2, window.devicePixelRatio || 1);
  const size = SIZES.find((one) => one >= wanted) ?? SIZES.at(-1);
  return itemAddress(corpus, id, `thumbnail?size=${size}`);
}

/** Have an `img` show an item as soon as it is near the window, at the size that it has there. */
export function showWhenNear(image, corpus, id) {
  waiting.set(image, () => {
    const { width, height } = image.getBoundingClientRect();
    show(image, thumbnailAddress(corpus, id, Math.max(width, height)));
  });
  watcher.observe(image);
}

/** Have an `img` show an address now. One that needs a key cannot be fetched by the `img`. */
export async function show(image, address) {
  image.addEventListener("load", () => image.classList.add("there"), { once: true });
  image.addEventListener("error", () => image.classList.add("broken"), { once: true });
  if (!key.get()) {
    image.src = address;
    return;
  }
  try {
    const blob = await (await ask(address)).blob();
    const url = URL.createObjectURL(blob);
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.src = url;
  } catch {
    image.classList.add("broken");
  }
}
