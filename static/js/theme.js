// Runs before the first paint: the theme that was chosen here, else the system's.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("crossover-theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    const theme = chosen() ?? (system.matches ? "dark" : "light");
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-toggle-theme]")) return;
    const other = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("crossover-theme", other);
    } catch {
      root.dataset.bsTheme = other;
      document.dispatchEvent(new CustomEvent("themechange"));
    }
    apply();
  });
})();
