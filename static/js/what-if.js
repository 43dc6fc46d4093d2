// Sliders over the evidence: each move is simulated, the last one always; nothing is saved until it is used.
(() => {
  const form = () => document.getElementById("what-if-form");

  // They are around the saved answers, and are fetched while they are in sight.
  const keepUpToDate = () => {
    const sliders = document.getElementById("what-if-sliders");
    const version = document.getElementById("version")?.value;
    if (sliders?.closest("details").open && sliders.dataset.of !== version) htmx.trigger(sliders, "outdated");
  };
  document.addEventListener("toggle", ({ target }) => target.id === "what-if-fold" && keepUpToDate(), true);
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.elt.id === "edit-state" && keepUpToDate());

  const ranges = () => [...form().querySelectorAll("input[type=range]")];
  const stopOf = (range) => JSON.parse(range.dataset.stops)[range.value];
  const fields = () => ranges().flatMap((range) => Object.entries(stopOf(range)[1]));
  const setPending = (isPending) => {
    const outcome = document.getElementById("what-if-outcome");
    outcome?.classList.toggle("is-pending", isPending);
    outcome?.setAttribute("aria-busy", String(isPending));
  };

  const show = (range) => {
    const [words] = stopOf(range);
    range.setAttribute("aria-valuetext", words);
    range.parentElement.querySelector("output").textContent = words;
    setPending(true); // what is shown is of the stop before
  };

  document.addEventListener("input", ({ target }) => target.form?.id === "what-if-form" && target.dataset.stops && show(target));

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt !== form()) return;
    for (const [path, [text, unit]] of fields()) {
      detail.formData.set(path, text);
      detail.formData.set(`unit:${path}`, unit);
    }
  });
  document.addEventListener("htmx:afterSettle", ({ detail: { requestConfig, elt } }) => {
    if (elt.id !== "what-if-outcome" || requestConfig?.elt !== form()) return;
    const sent = requestConfig.formData;
    const isOfThese = fields().every(([path, [text, unit]]) => sent.get(path) === text && sent.get(`unit:${path}`) === unit);
    const paths = [...sent.keys()].filter((name) => sent.has(`unit:${name}`));
    setPending(!isOfThese || paths.length !== fields().length);
  });

  document.addEventListener("click", ({ target }) => {
    if (!form()?.contains(target)) return;
    if (target.closest("[data-use]")) {
      for (const [path, [text, unit]] of fields()) {
        const id = `field-${path.replaceAll(".", "-")}`;
        const input = document.getElementById(`${id}-input`);
        const select = document.getElementById(`${id}-unit`);
        input.value = text;
        if (select) select.value = unit;
        input.dispatchEvent(new InputEvent("input", { bubbles: true }));
      }
    }
    if (target.closest("[data-reset]")) {
      for (const range of ranges()) {
        range.value = range.dataset.now;
        show(range);
      }
      form().dispatchEvent(new InputEvent("input", { bubbles: true }));
    }
  });
})();
