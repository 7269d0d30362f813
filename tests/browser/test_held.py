"""DEERS reports somebody dead by mistake: what they see and read, and that all of it is well again once DEERS is corrected."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.walks import PASSWORD, read_mail, sign_in
from tests.members import join

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_EMAIL, _USERNAME = "very.much.alive@example.org", "very.much.alive"


def test_somebody_reported_dead_by_mistake_reads_what_to_do_and_comes_back(
    visitor: NewVisitor, stack: Stack, tmp_path: Path
) -> None:
    person, window = stack.newcomer(), visitor()
    services = stack.services()
    join(services, _USERNAME, password=PASSWORD, email=_EMAIL, edipi=person.edipi)
    services.db.close()
    window.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(window, _USERNAME, PASSWORD, "account/show")

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
    mail = read_mail(window, stack, _EMAIL, "A Guidon account is no longer in use")
    assert f"{stack.issuer}/help#held" in mail
    assert person.family_name not in mail
    window.open(f"{stack.issuer}/help#held", "help/show")
    assert window.has("#held").is_visible()

    tell(2, "death_corrected")
    assert "It is as it was before" in read_mail(window, stack, _EMAIL, "Your account works again")
    window.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(window, _USERNAME, PASSWORD, "account/show")
