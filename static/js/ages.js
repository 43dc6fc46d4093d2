// How long ago something was: the server keeps pages for longer than that stays the same.
(() => {
  const UNITS_S = { year: 31_557_600, month: 2_629_800, week: 604_800, day: 86_400, hour: 3_600, minute: 60 };
  const EVERY_MS = 30_000;

  const age = (instant) => {
    const seconds = (Date.now() - Date.parse(instant)) / 1000;
    const [unit, length] = Object.entries(UNITS_S).find(([, length]) => seconds >= length) ?? [];
    if (!unit) return "just now";
    const count = Math.floor(seconds / length);
    return `${count}\u00a0${unit}${count === 1 ? "" : "s"} ago`;
  };

  const show = () => {
    for (const time of document.querySelectorAll("time[data-since]")) {
      time.title ||= time.textContent;
      time.textContent = age(time.dateTime);
    }
  };

  show();
  setInterval(show, EVERY_MS);
  document.addEventListener("htmx:afterSwap", show);
})();
