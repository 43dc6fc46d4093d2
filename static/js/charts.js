// Draws a run's charts once its result is on the page, and again when the theme changes; those of a live run every second while it runs.
(() => {
  const NARROW = 480;
  let drawn = "";

  const draw = async () => {
    const box = document.querySelector("[data-charts]");
    const theme = document.documentElement.dataset.bsTheme;
    const wanted = box && box.dataset.charts + theme + ("live" in box.dataset);
    if (!box || drawn === wanted) return;
    drawn = wanted;
    const sentence = document.getElementById("charts-failed");
    const live = "live" in box.dataset;
    try {
      const answer = await fetch(`${box.dataset.charts}${box.dataset.charts.includes("?") ? "&" : "?"}theme=${theme}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const figures = await answer.json();
      for (const place of box.querySelectorAll("[data-chart]")) {
        const figure = figures[place.dataset.chart];
        if (!figure) continue;
        if (live) show(place, figure.title);
        if (place.clientWidth < NARROW) chartTools.thinTicks(figure);
        if (matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
        await Plotly.react(place, figure.data, figure.layout, figure.config);
        await chartTools.adopt(place, figure);
      }
      if (live) again(box);
      sentence.hidden = true;
    } catch {
      if (!box.isConnected) return;
      drawn = "";
      sentence.hidden = false;
      if (live) again(box);
    }
  };

  const show = (place, title) => {
    const shown = place.closest("figure");
    shown.querySelector("[data-title]").textContent = title;
    place.setAttribute("aria-label", `${title}, so far`);
    shown.hidden = false;
    shown.parentElement.hidden = false;
    document.getElementById(shown.parentElement.dataset.empty).hidden = true;
  };

  const again = (box) => {
    setTimeout(() => {
      if (!box.isConnected) return;
      drawn = "";
      draw();
    }, 1000);
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("themechange", draw);
})();
