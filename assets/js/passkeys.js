// Asks the browser for a passkey, and puts its answer into the page's form, which is then sent like any other. The server checks
// everything again; what is here only carries bytes (WebAuthn Level 3 §5.1).
(function () {
  "use strict";

  var buttons = document.querySelectorAll("[data-passkey]");
  var known = document.querySelector("[data-passkeys-of]");
  var unknown = document.querySelector("[data-passkey-unknown]");
  var status = document.getElementById("status");
  var able = Boolean(window.PublicKeyCredential && navigator.credentials && window.fetch);

  // The names in the field are asked for anew before the server forgets what it asked (five minutes).
  var ASK_AGAIN_AFTER = 4 * 60 * 1000;
  var waiting = null;

  function say(text) {
    if (status) status.textContent = text || "";
  }

  function bytes(text) {
    var binary = window.atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    var out = new Uint8Array(binary.length);
    for (var i = 0; i < binary.length; i += 1) out[i] = binary.charCodeAt(i);
    return out.buffer;
  }

  function text(buffer) {
    var view = new Uint8Array(buffer);
    var binary = "";
    for (var i = 0; i < view.length; i += 1) binary += String.fromCharCode(view[i]);
    return window.btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function described(list) {
    return (list || []).map(function (one) {
      return { type: one.type, id: bytes(one.id), transports: one.transports };
    });
  }

  // What the server sent, with bytes where the browser wants bytes.
  function read(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    if (options.excludeCredentials) options.excludeCredentials = described(options.excludeCredentials);
    if (options.allowCredentials) options.allowCredentials = described(options.allowCredentials);
    return options;
  }

  function written(credential) {
    var response = { clientDataJSON: text(credential.response.clientDataJSON) };
    if (credential.response.attestationObject) {
      response.attestationObject = text(credential.response.attestationObject);
      response.transports = credential.response.getTransports ? credential.response.getTransports() : [];
    } else {
      response.authenticatorData = text(credential.response.authenticatorData);
      response.signature = text(credential.response.signature);
      if (credential.response.userHandle) response.userHandle = text(credential.response.userHandle);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response });
  }

  function options(button) {
    var form = button.form;
    return window.fetch(button.dataset.options, {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CSRFToken": form.querySelector("[name=csrf_token]").value }
    }).then(function (answer) {
      if (!answer.ok) throw new Error("refused");
      return answer.json();
    }).then(read);
  }

  function send(button, credential) {
    var form = button.form;
    document.getElementById(button.dataset.answer).value = written(credential);
    var remember = document.querySelector("input[type=checkbox][name=remember]");
    var carried = form.querySelector("input[type=hidden][name=remembered]");
    if (remember && carried) carried.value = remember.checked ? "y" : "";
    delete form.dataset.sent;
    form.submit();
  }

  function stopWaiting() {
    if (waiting) waiting.abort();
    waiting = null;
  }

  function press(button) {
    stopWaiting();
    say(button.dataset.waiting);
    button.setAttribute("aria-disabled", "true");
    options(button).then(function (asked) {
      return button.dataset.passkey === "create"
        ? navigator.credentials.create({ publicKey: asked })
        : navigator.credentials.get({ publicKey: asked });
    }).then(function (credential) {
      send(button, credential);
    }).catch(function (fault) {
      button.removeAttribute("aria-disabled");
      tell(button, fault);
      if (button.dataset.offer) offer(button);
    });
  }

  function tell(button, fault) {
    var words = button.dataset.failed;
    if (fault && (fault.name === "NotAllowedError" || fault.name === "AbortError")) words = button.dataset.cancelled;
    if (fault && fault.name === "InvalidStateError" && button.dataset.already) words = button.dataset.already;
    var shown = document.getElementById("passkey-told");
    if (!shown) {
      shown = document.createElement("p");
      shown.id = "passkey-told";
      shown.className = "usa-error-message";
      button.parentNode.insertBefore(shown, button);
    }
    shown.textContent = words;
    say(words);
  }

  // Passkeys among the names that the browser offers in the username field. Nobody is asked anything until they choose one.
  function offer(button) {
    if (!window.AbortController || !PublicKeyCredential.isConditionalMediationAvailable) return;
    PublicKeyCredential.isConditionalMediationAvailable().then(function (possible) {
      if (!possible || waiting) return;
      waiting = new AbortController();
      var mine = waiting;
      var again = window.setTimeout(function () {
        if (waiting !== mine) return;
        stopWaiting();
        offer(button);
      }, ASK_AGAIN_AFTER);
      options(button).then(function (asked) {
        return navigator.credentials.get({ publicKey: asked, mediation: "conditional", signal: mine.signal });
      }).then(function (credential) {
        if (credential) send(button, credential);
      }).catch(function () {
        // It was stopped by us, or the browser cannot: the button and the password are there.
        window.clearTimeout(again);
        if (waiting === mine) waiting = null;
      });
    });
  }

  Array.prototype.forEach.call(buttons, function (button) {
    var missing = document.getElementById("passkey-missing");
    if (!able) {
      if (missing) missing.hidden = false;
      return;
    }
    button.hidden = false;
    button.addEventListener("click", function (event) {
      event.preventDefault();
      if (button.getAttribute("aria-disabled") === "true") return;
      if (button.form.reportValidity && !button.form.reportValidity()) return;
      press(button);
    });
    if (button.dataset.offer) offer(button);
  });

  // What is gone here goes from the browser too, where it can (WebAuthn L3 §5.1.10).
  if (able && known && PublicKeyCredential.signalAllAcceptedCredentials) {
    PublicKeyCredential.signalAllAcceptedCredentials({
      rpId: known.dataset.rpId,
      userId: known.dataset.passkeysOf,
      allAcceptedCredentialIds: known.dataset.passkeys ? known.dataset.passkeys.split(" ") : []
    }).catch(function () { say(""); });
  }
  if (able && unknown && PublicKeyCredential.signalUnknownCredential) {
    PublicKeyCredential.signalUnknownCredential({
      rpId: unknown.dataset.rpId,
      credentialId: unknown.dataset.passkeyUnknown
    }).catch(function () { say(""); });
  }
})();
