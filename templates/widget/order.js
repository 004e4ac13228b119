// The customer's requests on the shop's page of an order; the same bytes for everybody. Without it there is a link.
(function () {
  "use strict";
  if (window.portalOrder) return;
  window.portalOrder = true;

  function link(told, text) {
    var made = document.createElement("a");
    // Nothing but an address of this site, whatever was said.
    made.href = new URL(told.url, location.origin).origin === location.origin ? told.url : "#";
    made.textContent = text;
    return made;
  }

  function fill(block, told) {
    if (told.requests.length) {
      var title = document.createElement("p"), list = document.createElement("ul");
      title.textContent = told.title;
      told.requests.forEach(function (one) {
        var row = list.appendChild(document.createElement("li"));
        row.appendChild(link(one, one.subject));
        row.appendChild(document.createTextNode(" \u00b7 " + one.status));
      });
      block.insertBefore(list, block.firstChild);
      block.insertBefore(title, list);
    }
    var ask = block.querySelector("a[data-ask]");
    if (ask) ask.textContent = told.ask.text;
  }

  function start() {
    document.querySelectorAll("[data-portal-order]").forEach(function (block) {
      fetch(block.dataset.portalOrder, { credentials: "same-origin", cache: "no-store", redirect: "error" })
        .then(function (answer) { return answer.ok ? answer.json() : null; })
        .catch(function () { return null; })  // signed out, or away: the link stays as it is
        .then(function (told) { if (told) fill(block, told); });
    });
  }

  if (!window.fetch || !window.URL) return;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
