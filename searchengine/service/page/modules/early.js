// Runs before the page is drawn, so that a chosen theme or language does not flash.
(() => {
  const root = document.documentElement;
  const read = (name) => {
    try {
      return localStorage.getItem("searchengine." + name);
    } catch {
      return null;
    }
  };
  const theme = read("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const chinese = (navigator.languages || [navigator.language]).find((one) => /^(zh|en)\b/i.test(one));
  root.lang = read("language") || (/^zh/i.test(chinese || "") ? "zh" : "en");
})();
