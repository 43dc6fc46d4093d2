// The meaning of a marked term, at the pointer or the focus; a tap shows it, and leads to the handbook from there.
(() => {
  const HIDE_MS = 250; // long enough to move from the term to its meaning
  const GAP_PX = 6;
  const note = document.createElement("div");
  note.className = "term-note";
  note.popover = "manual";
  let term = null;
  let leaving = 0;

  const hide = () => {
    clearTimeout(leaving);
    term = null;
    if (note.matches(":popover-open")) note.hidePopover();
  };
  const show = (wanted) => {
    clearTimeout(leaving);
    if (term === wanted) return;
    term = wanted;
    const more = document.createElement("a");
    more.href = term.href;
    more.textContent = "Handbook";
    more.tabIndex = -1; // the term itself is the link that the keyboard reaches
    note.replaceChildren(term.getAttribute("aria-description"), " ", more);
    if (!note.isConnected) document.body.append(note);
    note.showPopover();
    const { left, top, bottom } = term.getBoundingClientRect();
    const isAbove = bottom + GAP_PX + note.offsetHeight > innerHeight;
    note.style.left = `${Math.max(GAP_PX, Math.min(left, innerWidth - note.offsetWidth - GAP_PX))}px`;
    note.style.top = `${isAbove ? top - GAP_PX - note.offsetHeight : bottom + GAP_PX}px`;
  };
  const leave = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hide, HIDE_MS);
  };

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    const at = target.closest(".term, .term-note");
    if (at === note) clearTimeout(leaving);
    else if (at) show(at);
    else if (term && term !== document.activeElement) leave();
  });
  document.addEventListener("focusin", ({ target }) => (target.matches(".term") ? show(target) : leave()));
  let pointerType = "";
  document.addEventListener("pointerdown", (event) => {
    pointerType = event.pointerType;
    if (!event.target.closest(".term, .term-note")) hide();
  });
  document.addEventListener(
    "click",
    (event) => {
      const at = event.target.closest(".term");
      if (!at || event.detail === 0 || pointerType !== "touch") return; // 0: pressed by key
      event.preventDefault();
      show(at);
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("scroll", hide, { passive: true, capture: true });
})();
