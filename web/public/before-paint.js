// Runs before the first paint so that neither theme nor language flashes; a file of its own because the
// content security policy refuses inline scripts.
(function () {
  let theme = null;
  let language = null;
  try {
    theme = localStorage.getItem("theme");
    language = localStorage.getItem("language");
  } catch {
    // A browser that keeps nothing follows the system.
  }
  const root = document.documentElement;
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "dark" : "light";
  root.lang =
    language === "hi" || (!language && navigator.language.toLowerCase().startsWith("hi")) ? "hi" : "en";
})();
