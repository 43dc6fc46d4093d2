// Requests about the answers go one at a time, in the order in which they were asked for. Each sends the fields that were changed before
// that and are not saved yet, as they were then: what is typed after Undo or Simulate was pressed is no part of it.
(() => {
  const FRESH = ["csrfmiddlewaretoken", "version", "idempotency_key"];
  const CONCLUSIONS = ["verdict", "contents-verdict", "advice-words", "first-answer"]; // each response brings them anew
  const form = () => document.getElementById("answers");
  const formOf = (element) => element.form ?? element;
  const isAboutAnswers = (element) => ["answers", "trace-form"].includes(formOf(element).id);
  const fieldOf = (control) => control.closest(".field")?.id ?? "";

  // Changes are counted; the counts say what was changed before what.
  let changes = 0;
  const controlChangedAt = new WeakMap();
  const fieldChangedAt = new Map();
  let lastChange = 0;
  let lastAnswer = 0;
  let askedUpTo = 0;
  let savedUpTo = 0;
  let waiting = [];
  let current = null;
  let isSignedOut = false;

  const noteChange = (control) => {
    controlChangedAt.set(control, ++changes);
    if (control.form?.id !== "answers") return;
    fieldChangedAt.set(fieldOf(control), changes);
    lastChange = changes;
    if (!form().contains(control)) return; // the choice of a run: its own request saves it
    lastAnswer = changes;
    for (const id of CONCLUSIONS) document.getElementById(id)?.classList.add("shows-older");
  };
  document.addEventListener("input", ({ target }) => noteChange(target), true);

  // What was typed before this script ran is a change, too; and so is all that was refused without JavaScript and is shown again.
  const isEdited = (control) => {
    if (control.type === "checkbox") return control.checked !== control.defaultChecked;
    if (control.matches("select")) {
      const options = [...control.options];
      return !(options.find((option) => option.defaultSelected) ?? options[0]).selected;
    }
    return control.matches("input") && control.value !== control.defaultValue;
  };
  for (const control of form()?.elements ?? []) {
    if (form().dataset.refused !== undefined) fieldChangedAt.set(fieldOf(control), ++changes);
    else if (isEdited(control)) noteChange(control);
  }

  const typed = () => {
    const changedAt = new Map();
    for (const control of form().elements) {
      const field = fieldOf(control);
      changedAt.set(control.name, field ? (fieldChangedAt.get(field) ?? 0) : Infinity);
    }
    return [...new FormData(form())].map(([name, value]) => ({ name, value, changedAt: changedAt.get(name) }));
  };
  const put = (entries, data) => {
    for (const name of new Set(data.keys())) if (!FRESH.includes(name)) data.delete(name);
    for (const { name, value, changedAt } of entries)
      if (!FRESH.includes(name) && changedAt > savedUpTo) data.append(name, value);
    return data;
  };

  const save = () => htmx.trigger(form(), "save");
  document.addEventListener("htmx:confirm", (event) => {
    const { elt, issueRequest } = event.detail;
    if (!isAboutAnswers(elt)) return;
    event.preventDefault();
    const isSave = elt === form();
    if (isSave && lastChange <= (current ? askedUpTo : savedUpTo)) return;
    if (!isSave && lastChange > askedUpTo) save(); // a step of its own, and no new version on the way to a run's page
    const fields = [...fieldChangedAt].filter(([, changedAt]) => changedAt > askedUpTo).map(([field]) => field);
    const saves = isSave && fields.sort().join();
    if (isSave && waiting.at(-1)?.saves === saves) waiting.pop(); // the same fields, typed further
    waiting.push({ issueRequest, saves, entries: typed(), upTo: changes });
    askedUpTo = changes;
    sendNext();
  });

  const sendNext = () => {
    while (!current && waiting.length) {
      current = waiting.shift();
      current.issueRequest(true);
      if (!current.isSent) current = null; // its button is gone
    }
    if (!current) followLink();
  };
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (formOf(detail.elt) === form()) put(current.entries, detail.formData);
  });
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
    if (!isAboutAnswers(elt)) return;
    const isOfAnswers = formOf(elt) === form();
    current.isSent = true;
    xhr.addEventListener("loadend", () => {
      if (isOfAnswers && xhr.status >= 200 && xhr.status < 400) savedUpTo = current.upTo;
      current = null;
      if (!isSignedOut) sendNext();
    });
  });

  // A field that was changed since keeps its value: a later request saves it.
  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    const controls = [...detail.target.querySelectorAll("input, select, textarea")];
    if (current && controls.some((control) => controlChangedAt.get(control) > current.upTo)) detail.shouldSwap = false;
  });

  // What a simulation has found is not shown next to answers that have been typed since: the response to their request asks anew.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const isSimulated = detail.pathInfo?.requestPath?.includes("/advice/settled");
    if (isSimulated && (current || waiting.length || lastAnswer > askedUpTo)) detail.shouldSwap = false;
  });

  // A link that is followed before the last change is saved waits for it: a map or a report uses what was typed.
  // If it cannot be saved the page stays, and says so; the same link leads away when it is pressed again.
  let address = "";
  let insistedOn = "";
  const followLink = () => {
    if (!address) return;
    if (lastChange > askedUpTo) return save();
    if (lastChange > savedUpTo) insistedOn = address;
    else location.assign(address);
    address = "";
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]:not([href^='#'], [target])");
    const isPlain = !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || lastChange <= savedUpTo || link.href === insistedOn) return;
    event.preventDefault();
    address = link.href;
    save();
  });

  // Signed out meanwhile: what could not be saved waits in this tab for the page to come back.
  const kept = () => `unsaved ${location.pathname}`;
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if (!isAboutAnswers(elt)) return;
    const runPage = xhr.getResponseHeader("HX-Redirect");
    if (runPage && (waiting.length || lastChange > current.upTo)) {
      event.preventDefault();
      address = runPage;
    }
    if (!xhr.getResponseHeader("HX-Refresh")) return;
    const unsaved = [...form().elements].filter((control) => control.id && fieldChangedAt.get(fieldOf(control)) > savedUpTo);
    sessionStorage.setItem(kept(), JSON.stringify(unsaved.map(({ id, value, checked }) => ({ id, value, checked }))));
    isSignedOut = true;
  });
  htmx.onLoad((element) => {
    if (element !== document.body || !form()) return;
    const unsaved = JSON.parse(sessionStorage.getItem(kept()) ?? "[]");
    sessionStorage.removeItem(kept());
    for (const { id, value, checked } of unsaved) {
      const control = document.getElementById(id);
      if (!control || control.disabled) continue;
      if (["checkbox", "radio"].includes(control.type)) control.checked = checked;
      else control.value = value;
      control.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }
    if (lastChange) save();
  });

  // A page that is closed or left by other means sends what was typed last on its way out.
  let hasLeftUnsaved = false;
  window.addEventListener("pagehide", () => {
    if (isSignedOut || lastChange <= savedUpTo) return;
    const data = put(typed(), new FormData(form()));
    if (current) data.set("under_way", "");
    hasLeftUnsaved = navigator.sendBeacon(form().getAttribute("hx-post"), data);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && hasLeftUnsaved) location.reload();
  });
})();
