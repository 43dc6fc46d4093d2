// Draws a run's charts once its result is on the page, and again when the theme changes.
(() => {
  let drawn = "";

  const draw = async () => {
    const box = document.querySelector("[data-charts]");
    const theme = document.documentElement.dataset.bsTheme;
    if (!box || drawn === box.dataset.charts + theme) return;
    drawn = box.dataset.charts + theme;
    const sentence = document.getElementById("charts-failed");
    try {
      const answer = await fetch(`${box.dataset.charts}?theme=${theme}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const figures = await answer.json();
      for (const place of box.querySelectorAll("[data-chart]")) {
        const figure = figures[place.dataset.chart];
        if (figure) await Plotly.react(place, figure.data, figure.layout, figure.config);
      }
      sentence.hidden = true;
    } catch {
      drawn = "";
      sentence.hidden = false;
    }
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("themechange", draw);
})();
