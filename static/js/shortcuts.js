// Keys that lead to pages and to the search of a page, and the list of them all; never while something is typed.
(() => {
  const TYPED_INTO = "input, textarea, select, [contenteditable]";
  const PAGES_KEY = "g";
  const AWAITED_MS = 1500;
  let pagesUntil = 0;

  const addressOf = (key) => document.querySelector(`[data-key="${key}"]`)?.href;
  const act = (key) => {
    const address = performance.now() < pagesUntil ? addressOf(key) : undefined;
    pagesUntil = key === PAGES_KEY ? performance.now() + AWAITED_MS : 0;
    if (address) location.assign(address);
    else if (key === "?") document.getElementById("shortcuts")?.showModal();
    else if (key === "/") document.querySelector("input[type=search]")?.focus();
    else return false;
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED_INTO)) return;
    if (document.querySelector("dialog[open]")) return;
    if (act(event.key)) event.preventDefault();
  });
})();
