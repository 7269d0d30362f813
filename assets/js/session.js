// Two minutes before a sign-in ends, its owner is told, and what they typed stays where it is. Only the server knows how long it has
// left: this browser's clock is used to wait and never to judge, and another tab may have put the end off meanwhile.
(function () {
  "use strict";

  var dialog = document.getElementById("session-end");
  if (!dialog || !dialog.showModal || !window.fetch) return;

  var WARN = 120;
  var ASK_AGAIN = 10;
  var LONGEST_WAIT = 3600;

  var words = dialog.dataset;
  var title = document.getElementById("session-end-title");
  var text = document.getElementById("session-end-text");
  var left = document.getElementById("session-end-left");
  var stay = document.getElementById("session-stay");
  var goOn = document.getElementById("session-go-on");
  var again = document.getElementById("session-again");
  var out = document.getElementById("session-out");
  var waiting = 0;
  // What was told and sent away is not told a second time.
  var told = "";
  var shown = "";

  function wait(seconds) {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(ask, Math.min(seconds, LONGEST_WAIT) * 1000);
  }

  function judge(ends) {
    var seconds = Math.min(ends.idle, ends.latest);
    if (seconds > WARN) {
      hide();
      told = "";
      wait(seconds - WARN);
      return;
    }
    var kind = seconds <= 0 ? "over" : ends.latest <= ends.idle ? "latest" : "idle";
    if (kind !== told) show(kind, seconds);
    if (kind !== "over") wait(Math.min(ASK_AGAIN, seconds));
  }

  function show(kind, seconds) {
    if (kind !== shown) {
      title.textContent = kind === "over" ? words.overTitle : kind === "latest" ? words.latestTitle : words.soon;
      text.textContent = kind === "over" ? words.overText : kind === "latest" ? words.latestText : words.idleText;
      stay.hidden = kind !== "idle";
      again.hidden = kind !== "over";
      goOn.hidden = kind === "idle";
      out.hidden = kind === "over";
      shown = kind;
    }
    say(kind === "over" ? "" : seconds > 60 ? words.minutes : words.minute);
    if (!dialog.open) dialog.showModal();
    // The first button that is there; what had the focus was perhaps just hidden.
    if (!dialog.contains(document.activeElement) || document.activeElement.hidden) {
      (kind === "idle" ? stay : kind === "latest" ? goOn : again).focus();
    }
  }

  function say(sentence) {
    if (left.textContent !== sentence) left.textContent = sentence;
  }

  // The browser gives the focus back to the field that had it.
  function hide() {
    shown = "";
    if (dialog.open) dialog.close();
  }

  function read(answer) {
    if (!answer.ok) throw new Error("no answer");
    return answer.json();
  }

  function ask() {
    window.fetch("/session/ends", { cache: "no-store" }).then(read).then(judge, function () { wait(ASK_AGAIN); });
  }

  function keep() {
    window.fetch("/session/stay", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "csrf_token=" + encodeURIComponent(words.token)
    }).then(read).then(judge, function () { say(words.failed); });
  }

  function close() {
    told = shown;
    hide();
  }

  stay.addEventListener("click", keep);
  goOn.addEventListener("click", close);
  // Escape means what the first button means: whoever presses it is there.
  dialog.addEventListener("cancel", function (event) {
    event.preventDefault();
    if (shown === "idle") keep();
    else close();
  });
  // Whoever comes back to this tab, or opens a computer that slept, is told at once how it stands.
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) ask();
  });

  judge({ idle: Number(words.idle), latest: Number(words.latest) });
})();
