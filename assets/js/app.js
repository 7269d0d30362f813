// Small help on top of pages that work without it: nothing here is needed to finish a task.
(function () {
  "use strict";

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
