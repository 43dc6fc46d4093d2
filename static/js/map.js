// Draws a crossover map, again as cells finish and when the theme changes; one request at a time.
// In the map's form, keeps the address in step with what is typed, so that it can be sent.
(() => {
  let drawn = "";
  let busy = false;

  const wanted = () => {
    const live = document.getElementById("sweep-live");
    return live ? live.dataset.done + document.documentElement.dataset.bsTheme : "";
  };

  const draw = async () => {
    const box = document.querySelector("[data-map]");
    const place = document.getElementById("map-plot");
    const words = document.getElementById("sweep-words");
    if (!box || !place) return;
    if (words) place.setAttribute("aria-label", words.dataset.alt);
    const state = wanted();
    if (busy || drawn === state) return;
    busy = true;
    const sentence = document.getElementById("map-failed");
    try {
      const theme = document.documentElement.dataset.bsTheme;
      const url = `${box.dataset.map}?theme=${theme}&done=${document.getElementById("sweep-live").dataset.done}`;
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const figure = await answer.json();
      await Plotly.react(place, figure.data, figure.layout, figure.config);
      drawn = state;
      sentence.hidden = true;
    } catch {
      sentence.hidden = false;
    }
    busy = false;
    if (drawn === state && wanted() !== state) draw();
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest("#sweep-form");
    if (!form || event.target.matches("select")) return;
    const values = [...new FormData(form)].filter(([name]) => /^(x|y)(_low|_high|_steps)?$|^jobs$/.test(name));
    history.replaceState(history.state, "", `?${new URLSearchParams(values)}`);
  });

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("themechange", draw);
})();
