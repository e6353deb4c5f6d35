// What this browser remembers of its owner: language, theme, shortcuts. Nothing leaves it.

const PREFIX = "searchengine.";

/** A remembered choice, or `fallback`; also where the browser remembers nothing. */
export function kept(name, fallback) {
  try {
    return localStorage.getItem(PREFIX + name) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Remember a choice; `null` forgets it. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // A browser that keeps nothing still searches.
  }
}

/** The API key, for as long as this tab is open, and never longer. */
export const key = {
  get: () => {
    try {
      return sessionStorage.getItem(PREFIX + "key") ?? "";
    } catch {
      return "";
    }
  },
  set: (value) => {
    try {
      sessionStorage.setItem(PREFIX + "key", value);
    } catch {
      // Asked for again, then.
    }
  },
};
