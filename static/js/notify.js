// A notification of the browser when the run of this page ends, if the person asks for it and looks elsewhere by then.
(() => {
  let wanted = false;
  const button = () => document.querySelector("[data-notify]");

  const offer = () => {
    const place = button();
    if (place) place.hidden = !("Notification" in window) || Notification.permission === "denied" || wanted;
  };

  document.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-notify]")) return;
    wanted = (await Notification.requestPermission()) === "granted";
    offer();
  });

  document.addEventListener("htmx:afterSettle", () => {
    offer();
    if (!wanted || document.getElementById("live") || !document.hidden) return;
    wanted = false;
    new Notification(document.title, { body: document.querySelector("#run h1").textContent.trim() });
  });

  document.addEventListener("DOMContentLoaded", offer);
})();
