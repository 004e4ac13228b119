// window.HDE as plugins are seen to use it (facts: §7): the part that a panel needs. The page around is window.parent.
window.HDE = (function () {
  "use strict";
  var desk = window.parent.desk;
  var ready = [];
  addEventListener("load", function () { ready.forEach(function (tell) { tell(); }); });
  function copy(value) { return JSON.parse(JSON.stringify(value)); }
  return {
    vars: window.HDE_VARS,
    on: function (event, tell) { if (event === "ready") ready.push(tell); },
    getState: function () { return copy(desk.state); },
    emit: function (event, value) { if (event === "setPlugin") desk.set("plugin", value); },
    watch: function (what, tell) { desk.watch(what, tell); },
    request: function (options) {
      return fetch("/_sandbox/desk/request", { method: "POST", body: JSON.stringify(options) })
        .then(function (answer) { return answer.json(); })
        .then(function (told) {
          if (told.status >= 200 && told.status < 300) return { data: told.data };
          throw Object.assign(new Error("HDE.request: " + told.status), { data: told.data });
        });
    }
  };
})();
