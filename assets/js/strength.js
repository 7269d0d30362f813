// How strong the password looks that is being typed, asked of the server after each pause. It refuses nothing: without it, or
// without an answer, the page works as before.
(function () {
  "use strict";

  var PAUSE_MS = 700;

  Array.prototype.forEach.call(document.querySelectorAll("[data-strength]"), function (box) {
    var input = document.getElementById(box.dataset.strength);
    var meter = box.querySelector("meter");
    var words = box.querySelector("[role=status]");
    var waiting;
    var asked = 0;
    if (!input || !input.form || !meter || !words || !window.fetch) return;

    function show(told) {
      meter.hidden = !told;
      meter.value = told ? told.score : 0;
      // The same words again are not told again to a screen reader.
      if (words.textContent !== (told ? told.words : "")) words.textContent = told ? told.words : "";
    }

    function field(name) {
      var found = input.form.elements[name];
      return encodeURIComponent(name) + "=" + encodeURIComponent(found ? found.value : "");
    }

    function ask() {
      var mine = (asked += 1);
      if (!input.value) {
        show(null);
        return;
      }
      window.fetch(box.dataset.address, {
        method: "POST",
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: ["csrf_token", "new_username", "new_password"].map(field).join("&")
      }).then(function (answer) {
        return answer.ok ? answer.json() : null;
      }).then(function (told) {
        // An answer to what stood there before is worth nothing.
        if (mine === asked) show(told);
      }, function () {
        if (mine === asked) show(null);
      });
    }

    box.hidden = false;
    input.addEventListener("input", function () {
      asked += 1;
      window.clearTimeout(waiting);
      waiting = window.setTimeout(ask, PAUSE_MS);
    });
    input.form.addEventListener("submit", function () {
      asked += 1;
      window.clearTimeout(waiting);
    });
  });
})();
