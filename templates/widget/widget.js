// The help desk's widget, for whoever is signed in at the shop; the same bytes for everybody.
(function (identity, vendor) {
  "use strict";
  if (window.portalWidget) return;
  window.portalWidget = true;
  var own = document.currentScript;

  function load(who) {
    if (who) window.HDE_CONFIG = Object.assign({}, window.HDE_CONFIG, who);
    if (document.getElementById(vendor.id)) return;
    var script = document.createElement("script");
    Object.keys(vendor).forEach(function (name) { script.setAttribute(name, vendor[name]); });
    // A page that lets scripts in by a nonce has let this one in; what it loads comes in with it.
    if (own && own.nonce) script.nonce = own.nonce;
    script.async = true;
    document.head.appendChild(script);
  }

  // The page has said already who is here; and a browser too old to ask shows the widget of the signed-out.
  if ((window.HDE_CONFIG && window.HDE_CONFIG.user_email) || !window.fetch || !window.AbortController) return load(null);
  var late = new AbortController();
  var timer = setTimeout(function () { late.abort(); }, {{ patience_ms }});
  fetch(identity, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: late.signal })
    .then(function (answer) { return answer.ok ? answer.json() : null; })
    .catch(function () { return null; })
    .then(function (who) {
      clearTimeout(timer);
      load(who && who.custom_fields ? who : null);
    });
})({{ identity | tojson }}, {{ vendor | tojson }});
