// What a page does beyond its HTML: marks what changed, keeps what was open, opens the advice on a phone.
(() => {
  const MARKED_MS = 2500;
  const WHY = {
    403: "you may no longer change it, or the page is too old; reload it",
    404: "the decision was deleted",
    429: "too much is queued already",
    500: "something broke on our side",
    503: "the database is busy",
  };
  const before = new Map();
  const newUntil = new Map();
  let open = new Set();

  const text = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const advice = () => document.getElementById("advice");
  const marked = () => [...advice().querySelectorAll("[data-mark]")];

  const recordAdvice = () => {
    for (const element of marked()) before.set(element.dataset.mark, text(element)); // the verdict's is missing while it is simulated
    open = new Set([...advice().querySelectorAll("details[open][id]")].map((element) => element.id));
  };

  const restoreAdvice = () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    const now = Date.now();
    for (const element of marked()) {
      const { mark } = element.dataset;
      if (before.get(mark) !== text(element)) newUntil.set(mark, now + MARKED_MS);
      const left = (newUntil.get(mark) ?? 0) - now; // more of it may have come while it was marked
      if (left <= 0) continue;
      element.classList.add("is-new");
      setTimeout(() => element.classList.remove("is-new"), left);
    }
  };

  const setDrawer = (isOpen) => {
    advice().classList.toggle("is-open", isOpen);
    advice().querySelector("[data-open-advice]").setAttribute("aria-expanded", String(isOpen));
  };

  // The verdict stays in sight in one line once it has scrolled away.
  const showVerdictLine = () => {
    const top = document.getElementById("verdict")?.getBoundingClientRect();
    advice()?.classList.toggle("is-past-verdict", Boolean(top) && top.bottom < 48);
  };
  document.addEventListener("scroll", showVerdictLine, { passive: true });

  const announce = () => {
    const words = [...document.querySelectorAll("[data-announce]")].map(text).join(" ");
    const announcer = document.getElementById("announcer");
    if (announcer && words && announcer.textContent !== words) announcer.textContent = words;
  };

  // Two answers that contradict each other are no error yet while one of them is typed into.
  let isAskedFor = false;
  const isTypedInto = (ids) =>
    !isAskedFor && ids.split(" ").some((id) => document.getElementById(id)?.contains(document.activeElement));
  const showTone = () => {
    for (const error of document.querySelectorAll(".field-error[data-between]")) {
      const input = document.getElementById(error.id.replace(/-error$/, "-input"));
      const wrong = error.textContent.trim() !== "";
      const calm = wrong && isTypedInto(error.dataset.between);
      error.classList.toggle("is-calm", calm);
      if (wrong && !calm) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
    }
  };

  // The server names the fields that are wrong; messages next to all others are removed.
  const showErrors = () => {
    const faulty = document.getElementById("faulty")?.dataset.fields.split(" ") ?? [];
    for (const error of document.querySelectorAll(".field-error[id^='field-'][id$='-error']")) {
      if (error.textContent && !faulty.includes(error.id.replace(/-error$/, ""))) error.textContent = "";
      if (error.textContent.trim()) error.closest("details.section")?.setAttribute("open", "");
    }
    showTone();
    const unsaved = document.getElementById("faulty")?.dataset.unsaved.split(" ") ?? [];
    for (const reading of document.querySelectorAll(".reading"))
      reading.hidden = unsaved.includes(reading.id.replace(/-reading$/, ""));
  };

  // 1 worker, 2 workers: the unit goes with the number while it is typed.
  document.addEventListener("input", ({ target }) => {
    const unit = target.closest(".measure")?.querySelector(".unit[data-one]");
    if (unit) unit.textContent = target.value.trim() === "1" ? unit.dataset.one : unit.dataset.many;
  });

  // The choice of a live run is no answer: the server shows next to it what is wrong, and resets it.
  const showRunErrors = () => {
    for (const name of ["run-speed", "run-seconds", "run-workers", "run-endpoint"]) {
      const wrong = document.getElementById(`${name}-error`)?.textContent.trim();
      const input = document.getElementById(`${name}-input`);
      if (wrong) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
    }
  };

  // "20 min" becomes 1200 s once its field is left: the server has sent how it would write it.
  const showAsStored = () => {
    for (const reading of document.querySelectorAll(".reading[data-typed]:not([data-typed=''])")) {
      const id = reading.id.replace(/-reading$/, "");
      const input = document.getElementById(`${id}-input`);
      const unit = document.getElementById(`${id}-unit`);
      if (!input || input === document.activeElement || input.value !== reading.dataset.typed) continue;
      input.value = reading.dataset.text;
      if (unit) unit.value = reading.dataset.unit;
      reading.dataset.typed = "";
    }
  };
  // Help shows at the field that is worked in. A press moves nothing before it has ended, and the field itself stays where it is.
  let helpedId = "";
  let isPressed = false;
  const showHelp = () => {
    for (const field of document.querySelectorAll(".field")) field.classList.toggle("is-helped", field.id === helpedId);
  };
  const helpAt = (field) => {
    const top = field.getBoundingClientRect().top;
    helpedId = field.id;
    showHelp();
    scrollBy({ top: field.getBoundingClientRect().top - top, behavior: "instant" });
  };
  const helpAtFocus = () => {
    const field = document.activeElement?.closest(".field");
    if (field && field.id !== helpedId && !isPressed) helpAt(field);
  };
  document.addEventListener("pointerdown", () => (isPressed = true));
  document.addEventListener("keydown", () => (isPressed = false), true);
  for (const end of ["pointerup", "pointercancel"])
    document.addEventListener(end, () => {
      isPressed = false;
      setTimeout(helpAtFocus);
    });
  document.addEventListener("focusin", helpAtFocus);
  document.addEventListener("click", ({ target }) => {
    const field = target.closest("[data-help]")?.closest(".field");
    if (!field) return;
    if (field.id !== helpedId) return helpAt(field);
    helpedId = "";
    showHelp();
  });
  document.addEventListener("focusout", () => setTimeout(showAsStored));
  document.addEventListener("focusout", () => setTimeout(showTone));

  const goTo = (link) => {
    const target = document.querySelector(link.getAttribute("href"));
    const field = target?.matches(".field") ? target.querySelector("input:not([type=hidden]), button") : target;
    if (!field) return false;
    setDrawer(false);
    field.closest("details.section")?.setAttribute("open", "");
    field.focus({ preventScroll: true });
    field.select?.();
    field.scrollIntoView({ block: "center" });
    return true;
  };

  // Simulate was pressed, and cannot go on: lead to the first thing that is wrong, be it an answer or the choice of the run.
  const insist = () => {
    const faulty = document.getElementById("faulty");
    if (!faulty || faulty.dataset.insist === undefined) return;
    delete faulty.dataset.insist;
    isAskedFor = true;
    const first = document.querySelector("#faults a[data-field]");
    if (first) goTo(first);
    else (document.querySelector(".simulate [aria-invalid=true]") ?? document.querySelector(".simulate button"))?.focus();
  };

  // What can be undone or redone comes with each answer; the buttons stay, so that a waiting press and the focus keep theirs.
  const showSteps = () => {
    const steps = document.getElementById("steps");
    const buttons = ["undo", "redo"].map((id) => document.getElementById(id));
    if (!steps || buttons.includes(null)) return;
    const focused = buttons.indexOf(document.activeElement);
    for (const button of buttons) {
      button.title = steps.dataset[button.id];
      button.disabled = !button.title;
    }
    if (focused >= 0 && buttons[focused].disabled) buttons[1 - focused].focus();
  };

  // htmx sends a form's request to the address of the button that was last pressed in it, even long after: take this request's own.
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, triggeringEvent } = event.detail;
    if (!elt.matches("form[hx-post]")) return;
    event.detail.path = triggeringEvent?.submitter?.getAttribute("formaction") ?? elt.getAttribute("hx-post");
  });

  document.addEventListener("input", () => (isAskedFor = false), true);

  // A button that was disabled meanwhile has lost the focus.
  document.addEventListener("htmx:afterRequest", ({ detail: { elt } }) => {
    if (elt.hasAttribute("hx-disabled-elt") && document.activeElement === document.body) elt.focus({ preventScroll: true });
  });

  // Where the focus is in what is about to be replaced: htmx finds only elements with an id again.
  let focus = null;
  const recordFocus = () => {
    const element = document.activeElement;
    const home = element.closest("[id]");
    if (!home || home === element) focus = null;
    else focus = { id: home.id, tag: element.tagName, text: text(element) };
  };
  const restoreFocus = () => {
    if (!focus || document.activeElement !== document.body) return;
    const found = document.getElementById(focus.id)?.querySelectorAll(focus.tag) ?? [];
    [...found].find((element) => text(element) === focus.text)?.focus({ preventScroll: true });
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!["advice-details", "stale"].includes(event.detail.target?.id)) return;
    recordAdvice();
    recordFocus();
  });
  // The event fires for every element that was swapped in, once the whole response is in place; each response to an edit has this one.
  document.addEventListener("htmx:afterSettle", (event) => {
    const id = event.detail.elt?.id;
    if (id === "live-plan" || id === "stale") showRunErrors();
    if (id === "advice-details") restoreAdvice();
    if (id !== "stale" && id !== "conflict") return;
    restoreFocus();
    showSteps();
    insist();
    showErrors();
    showAsStored();
    showHelp();
    announce();
    const unsaved = document.getElementById("unsaved");
    if (unsaved) unsaved.hidden = true;
  });

  // What a simulation finds comes by itself, next to what is being saved: its parts are put in place without a target of their own.
  // If the answers have been saved anew since it was asked for, it is of older ones; if what asked is gone, another asks in its place.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { pathInfo, requestConfig } = event.detail;
    const asked = /\/(?:advice\/settled|what-if)\?version=([^&]+)/.exec(pathInfo?.requestPath ?? "");
    const isCurrent = asked?.[1] === document.getElementById("version")?.value && requestConfig.elt.isConnected;
    if (asked && !isCurrent) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
    if (target.id !== "advice-details") return;
    recordAdvice();
    recordFocus();
    target.replaceChildren(); // htmx would send an event for each of hundreds of elements that it removes
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target.id !== "advice-details") return;
    restoreAdvice();
    restoreFocus();
    announce();
  });

  const failed = (event) => {
    const unsaved = document.getElementById("unsaved");
    if (!unsaved || event.detail.requestConfig?.verb !== "post" || event.detail.elt?.id === "what-if-form") return;
    unsaved.querySelector("[data-why]").textContent = WHY[event.detail.xhr?.status] ?? "the server did not answer";
    unsaved.hidden = false;
    const awaiting = document.getElementById("awaiting");
    if (awaiting) htmx.trigger(awaiting, "load"); // what was found meanwhile was not shown
  };
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);

  document.addEventListener("click", (event) => {
    const bar = event.target.closest("[data-open-advice]");
    if (bar) setDrawer(bar.getAttribute("aria-expanded") !== "true");
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(event.target)) menu.open = false;
  });
  // An advice that arrives between press and release may move the button away from a pointer that rests: the press counts all the same.
  let pressed = null;
  document.addEventListener("pointerdown", ({ target, button, clientX, clientY }) => {
    const control = button === 0 && target.closest("button");
    pressed = control && { control, clientX, clientY };
  });
  document.addEventListener("pointerup", ({ target, clientX, clientY }) => {
    const press = pressed;
    pressed = null;
    if (!press || press.control.contains(target) || !press.control.isConnected) return;
    if (Math.hypot(clientX - press.clientX, clientY - press.clientY) < 4) press.control.click();
  });

  // Ctrl+Z takes the last change back, Ctrl+Shift+Z or Ctrl+Y brings it back again; in a text the browser does that itself.
  const TEXT = "textarea, [contenteditable], input:not([type=checkbox], [type=radio], [type=file], [type=submit])";
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    if (event.target.closest(TEXT)) return;
    const step = document.getElementById(key === "y" || event.shiftKey ? "redo" : "undo");
    if (!step) return;
    event.preventDefault();
    // Not a click: htmx would send the form's next request to the button's address. It also works while the button is
    // still disabled because the answer to the change has not arrived; the server ignores a step that does not exist.
    htmx.trigger(step, "step");
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (advice()?.classList.contains("is-open")) {
      setDrawer(false);
      advice().querySelector("[data-open-advice]").focus();
    }
  });

  // A link to an answer unfolds its section and focuses its field.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-field]");
    if (link && goTo(link)) event.preventDefault();
  });

  // To skip to the advice opens it where it is a bar.
  document.addEventListener("click", (event) => {
    if (event.target.closest("a[data-open-drawer]")) setDrawer(true);
  });

  // Enter in a field saves at once, without leaving the page.
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "answers" || !event.submitter?.matches("[data-save]")) return;
    event.preventDefault();
    htmx.trigger(event.target, "save");
  });

  // A file that was chosen is no answer that was typed.
  document.addEventListener("input", (event) => event.target.type === "file" && event.stopPropagation(), true);

  // A trace goes up as soon as it is chosen, unless it is plainly too large.
  document.addEventListener("change", (event) => {
    const input = event.target.closest("input[type=file][data-limit-mb]");
    if (!input?.files.length) return;
    const limit = Number(input.dataset.limitMb);
    const error = document.getElementById("field-volume-trace-error");
    if (input.files[0].size > limit * 2 ** 20) {
      error.textContent = `The file is over the limit of ${limit} MB.`;
      input.value = "";
      return;
    }
    error.textContent = "";
    input.form.requestSubmit();
  });
  document.addEventListener("htmx:xhr:progress", (event) => {
    if (event.detail.elt?.id !== "trace-form") return;
    const line = document.querySelector(".upload-progress");
    if (!line) return;
    const { loaded, total } = event.detail;
    line.hidden = false;
    line.querySelector("progress").value = total ? (100 * loaded) / total : 0;
    line.querySelector("span").textContent = loaded < total ? "Uploading" : "Reading the rows";
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt?.id !== "trace-form") return;
    const line = document.querySelector(".upload-progress");
    if (line) line.hidden = true;
  });
})();
