// Replaces the drawings by charts that zoom and show their values; on paper the drawings stay.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const text = (id) => document.getElementById(id).textContent;
  const toDark = JSON.parse(text("dark-colours"));
  const light = new RegExp(Object.keys(toDark).join("|"), "gi");
  const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

  const draw = () => {
    const figures = text("figures");
    const coloured = dark.matches ? figures.replace(light, (colour) => toDark[colour.toUpperCase()]) : figures;
    const drawings = document.querySelectorAll(".drawing");
    JSON.parse(coloured).forEach((figure, index) => {
      const drawing = drawings[index];
      const place = drawing.querySelector(".chart") ?? drawing.appendChild(document.createElement("div"));
      place.className = "chart";
      Plotly.react(place, figure.data, figure.layout, config).then(() => drawing.classList.add("drawn"));
    });
  };

  draw();
  dark.addEventListener("change", draw);
})();
