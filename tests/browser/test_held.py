"""DEERS reports somebody dead by mistake: what they see and read, and that all of it is well again once DEERS is corrected."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.walks import PASSWORD, code_in, identify, read_mail, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_EMAIL, _USERNAME = "very.much.alive@example.org", "very.much.alive"


def test_somebody_reported_dead_by_mistake_reads_what_to_do_and_comes_back(
    visitor: NewVisitor, stack: Stack, tmp_path: Path
) -> None:
    person, window = stack.newcomer(), visitor()
    window.open(f"{stack.issuer}/register", "registration/start")
    window.fill(level="basic").press("#register-submit", "registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="email", email=_EMAIL).press("#register-submit", "activation/enter")
    window.fill(activation_code=code_in(read_mail(window, stack, _EMAIL)))
    window.press("#activate-submit", "registration/account")
    window.fill(new_username=_USERNAME, new_password=PASSWORD).press("#register-submit", "account/show")

    def tell(number: int, kind: str) -> None:
        change: dict[str, Any] = {"id": f"held-{number}", "kind": kind, "on": "2026-01-02", "person": person.key}
        path = tmp_path / "changes.jsonl"
        path.write_text(json.dumps(change) + "\n", encoding="utf-8")
        applied = json.loads(stack.idp("deers", "apply", str(path), "--json"))
        assert applied["applied"] == 1
        stack.idp("deers", "sync")  # the worker does the same every few seconds

    tell(1, "death")
    window.open(f"{stack.issuer}/account", "sign_in/login")
    sign_in(window, _USERNAME, PASSWORD, "sign_in/not_active", 403)
    assert "DEERS or ID card office" in window.text
    mail = read_mail(window, stack, _EMAIL)
    assert f"{stack.issuer}/help#held" in mail
    assert person.family_name not in mail
    window.open(f"{stack.issuer}/help#held", "help/show")
    assert window.has("#held").is_visible()

    tell(2, "death_corrected")
    assert read_mail(window, stack, _EMAIL) != mail
    window.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(window, _USERNAME, PASSWORD, "account/show")
