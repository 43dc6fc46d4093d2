// Replaces the drawings by charts that zoom and show their values; on paper the drawings stay.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toDark = JSON.parse(document.getElementById("dark-colours").textContent);
  const light = new RegExp(Object.keys(toDark).join("|"), "gi");
  const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

  const draw = () => {
    for (const data of document.querySelectorAll("script[data-figure]")) {
      const text = dark.matches ? data.textContent.replace(light, (colour) => toDark[colour.toUpperCase()]) : data.textContent;
      const figure = JSON.parse(text);
      const drawing = data.previousElementSibling;
      const place = drawing.querySelector(".chart") ?? drawing.appendChild(document.createElement("div"));
      place.className = "chart";
      Plotly.react(place, figure.data, figure.layout, config).then(() => drawing.classList.add("drawn"));
    }
  };

  draw();
  dark.addEventListener("change", draw);
})();
