// The handbook filtered as one types: entries with all the words stay, and the parts that have one.
(() => {
  const filter = document.getElementById("filter");
  const parts = [...document.querySelectorAll("section.block")];
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matches = 0;
    for (const part of parts) {
      let isShown = false;
      for (const entry of part.querySelectorAll("dl > div")) {
        const text = entry.textContent.toLowerCase();
        entry.hidden = !words.every((word) => text.includes(word));
        if (entry.hidden) continue;
        isShown = true;
        matches += 1;
      }
      part.hidden = !isShown;
    }
    document.getElementById("matches").textContent = words.length ? (matches === 1 ? "1 entry" : `${matches} entries`) : "";
  });
})();
