// The number of requests with something new, in the shop's menu; the same bytes for everybody.
(function () {
  "use strict";
  if (window.portalBadge) return;
  window.portalBadge = true;

  function start() {
    var places = document.querySelectorAll("[data-portal-badge]");
    if (!places.length) return;
    fetch(places[0].dataset.portalBadge, { credentials: "same-origin", cache: "no-store", redirect: "error" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .catch(function () { return null; })  // signed out, or away: the menu stays as it is
      .then(function (told) {
        if (told) places.forEach(function (place) {
          place.textContent = told.unread > 99 ? "99+" : String(told.unread);
          place.hidden = !told.unread;
        });
      });
  }

  if (!window.fetch) return;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
