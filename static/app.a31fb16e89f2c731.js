// Small help on top of pages that work without it: nothing here is needed to finish a task.
(function () {
  "use strict";

  // An answer on its way back to the site that asked (templates/oauth/form_post.html). First, whatever else this browser knows.
  var answer = document.querySelector("form[data-submit-at-once]");
  if (answer) answer.submit();

  var SENT_FOR_MS = 10000;
  var status = document.getElementById("status");

  function say(text) {
    if (status) status.textContent = text || "";
  }

  function each(selector, act) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), act);
  }

  // The list of faults takes focus, so that a screen reader starts there and the first link is one Tab away.
  var faults = document.querySelector("[data-takes-focus]");
  if (faults) faults.focus();

  each("[data-show-password]", function (button) {
    var input = document.getElementById(button.dataset.showPassword);
    if (!input) return;

    function show(visible) {
      input.type = visible ? "text" : "password";
      button.textContent = visible ? button.dataset.hide : button.dataset.show;
    }

    button.hidden = false;
    button.addEventListener("click", function () {
      var visible = input.type === "password";
      show(visible);
      say(visible ? button.dataset.shown : button.dataset.hidden);
    });
    // Hidden again before it is sent: a browser offers to keep a password only from a password field.
    if (input.form) input.form.addEventListener("submit", function () { show(false); });
  });

  // A calm clock: the time that is left, told to a screen reader once, near the end. The server judges, whatever is shown here.
  each("[data-clock]", function (clock) {
    var ends = Date.now() + Number(clock.dataset.clock) * 1000;
    var told = false;

    function tick() {
      var left = Math.max(0, Math.round((ends - Date.now()) / 1000));
      var seconds = String(left % 60);
      clock.textContent = clock.dataset.left + " " + Math.floor(left / 60) + ":" + (seconds.length < 2 ? "0" : "") + seconds;
      if (left <= 30 && !told) {
        told = true;
        say(clock.dataset.soon);
      }
      if (left > 0) window.setTimeout(tick, 1000);
    }

    tick();
  });

  each("[data-copy]", function (button) {
    var source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(source.textContent.trim()).then(
        function () { say(button.dataset.copied); button.textContent = button.dataset.copied; },
        function () { say(button.dataset.failed); button.textContent = button.dataset.failed; }
      );
    });
  });

  // A second press of the button sends nothing. The button is not disabled for real: a disabled button's own name and value
  // would not be sent, and it would lose the focus.
  each("form[method=post]", function (form) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      mark(form, true);
      say(document.body.dataset.sending);
      window.setTimeout(function () { free(form); }, SENT_FOR_MS);
    });
  });

  function mark(form, sent) {
    Array.prototype.forEach.call(form.querySelectorAll("button:not([type=button])"), function (button) {
      if (sent) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    });
  }

  function free(form) {
    delete form.dataset.sent;
    mark(form, false);
    say("");
  }

  // The browser may bring a page back as it was left, with its buttons still marked as pressed.
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) each("form[data-sent]", free);
  });
})();
