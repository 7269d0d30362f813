"""The canary (R77): somebody whom no word of this project names goes the whole way to Premium and into a portal, everything
is logged that can be, and then nothing of them is found where it must not be.
"""

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from idp import clock, logs
from idp.adapters import fake_kbv
from idp.db import Row
from idp.directory import load
from idp.directory.records import Affiliation, Branch, Category, Email, Postal, Record
from tests import authenticator
from tests.http_browser import Browser
from tests.registrants import Registrant, ask_by_mail, mailed_code
from tests.relying_party import RelyingParty
from tests.upgraders import answer_all, code_of_letter, code_of_record, start
from tests.world import World

SINCE = date(2015, 3, 3)
WHO = Registrant("Zephyrine", "Quillfeather", (1971, 3, 29), "912345678")
RECORD = Record(
    person="canary-1",
    edipi="9987654321",
    ssn=WHO.id_number,
    given_name=WHO.given_name,
    middle_name="Ottoline",
    family_name=WHO.family_name,
    birth_date=date(*WHO.born),
    emails=(Email(address="z.quillfeather@wobbegong.example", since=SINCE),),
    postal=(
        Postal(
            street_address="77 Wobbegong Loop", locality="Numbatville", region="TX", postal_code="00977", since=SINCE
        ),
    ),
    affiliations=(Affiliation(category=Category.ACTIVE_DUTY, branch=Branch.NAVY, begin=date(1990, 6, 1)),),
)
USERNAME = "canary.user"
PASSWORD = "marzipan hovercraft lullaby"
TYPED = "zq.private@numbat.example"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger says at DEBUG, Authlib and the SQL with its values included; put back afterwards."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    logs.set_up("DEBUG")
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
    quiet = {name: logging.getLogger(name).level for name in ("sqlalchemy.engine", "httpx", "hypothesis")}
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    yield told
    root.handlers[:] = before[1]
    root.setLevel(before[0])
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)


def trail_of(browser: Browser) -> list[str]:
    """Every address that a browser will be at, as it goes there."""
    seen: list[str] = []
    go: Any = browser.client.open

    def noted(*args: Any, **keywords: Any) -> Any:
        seen.append(str(args[0]))
        return go(*args, **keywords)

    browser.client.open = noted  # type: ignore[method-assign]  # watched, not replaced
    return seen


def test_nothing_of_a_person_is_found_where_it_must_not_be(world: World, log: io.StringIO, database_url: str) -> None:
    """R77, R78: not in logs at DEBUG, events, mail subjects, addresses of pages, nor in clear in the database."""
    secrets: set[str] = set()
    with time_machine.travel(clock.now(), tick=False) as traveller:
        load.load_people(world.services.db, world.services.keyring, [RECORD], actor="operator:test")
        browser = world.browser()
        trail = trail_of(browser)
        ask_by_mail(browser, WHO, TYPED, level="premium")
        secrets.add(mailed_code(world, TYPED))
        browser.submit(activation_code=mailed_code(world, TYPED), button="activate-submit")
        browser.submit(new_username=USERNAME, new_password=PASSWORD, button="register-submit")
        browser.submit(delivery="email")
        answer_all(browser, WHO.id_number).submit(button="upgrade-submit")
        secrets.add(code_of_record(world, RECORD.emails[0].address))
        start(browser, WHO).submit(delivery="post").submit(button="upgrade-submit")
        secrets.add(code_of_letter(world))
        browser.submit(activation_code=code_of_record(world, RECORD.emails[0].address), button="activate-submit")
        browser.open("/account/second-factor")
        secret = "".join(browser.page.ids["totp-secret"].split())
        browser.submit(code=authenticator.code(secret), button="code-submit")
        recovery = browser.page.ids["recovery-codes"].split()
        assert len(recovery) == 10
        secrets |= {secret, *recovery}
        browser.submit(saved="y", button="saved-submit")
        secrets.add(browser.cookie("idp_session") or "")
        rp = RelyingParty(world, scopes=("profile", "email", "offline_access", "edipi", "eligibility"))
        wide = "openid profile email offline_access edipi eligibility"
        browser.open(rp.url(scope=wide)).submit(button="consent-allow")
        answer = rp.answer(browser)
        tokens = rp.read(rp.redeem(answer["code"]))
        said = rp.userinfo(tokens.access_token).get_json()
        assert said["family_name"] == WHO.family_name
        assert rp.refresh(tokens.refresh_token).status_code == 200
        assert rp.redeem(answer["code"]).status_code == 400
        secrets |= {answer["code"], tokens.access_token, tokens.refresh_token, rp.secret or "", rp.verifier}
        secrets.add(tokens.id_token.rpartition(".")[2])
        again = world.browser()
        again.open("/login").submit(username=USERNAME, password="not " + PASSWORD)
        traveller.shift(60)
        again.submit(username=USERNAME, password=PASSWORD)
        again.submit(code=authenticator.code(secret), button="code-submit")
    facts = {
        *(WHO.given_name, "Ottoline", WHO.family_name, WHO.id_number, "912-34-5678", RECORD.edipi, "1971-03-29"),
        *(RECORD.emails[0].address, "77 Wobbegong Loop", "Numbatville", PASSWORD, TYPED),
        *(right for _, right, _ in fake_kbv.history(WHO.id_number).asked if len(right) > 8),
    }
    bare = {re.sub(r"[^A-Za-z0-9]", "", code) for code in secrets if "-" in code and len(code) < 30}
    everything = facts | secrets | bare
    assert all(len(canary) > 7 for canary in everything - {"Ottoline"})

    assert _found(everything, log.getvalue()) == []
    assert log.getvalue().count("\n") > 500
    events = [json.dumps([event.event, event.actor, event.subject, event.fields]) for event in world.events()]
    assert _found(everything, "\n".join(events)) == []
    assert _found(everything, "\n".join(trail)) == []
    assert _found(everything, "\n".join(mail.subject for mail in world.mails())) == []
    assert _found(everything, _dump(world)) == []
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        raw = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert [canary for canary in everything if canary.encode() in raw] == []


def test_the_canary_would_be_heard(world: World, log: io.StringIO) -> None:
    """A check that cannot fail is none: what is logged on purpose is found, and what is stored in clear too."""
    logs.get(__name__).debug("sings", note=WHO.family_name)
    assert _found({WHO.family_name}, log.getvalue()) == [WHO.family_name]
    RelyingParty(world, name="Wobbegong Portal")
    assert _found({"Wobbegong Portal"}, _dump(world)) == ["Wobbegong Portal"]


def _found(canaries: set[str], where: str) -> list[str]:
    lower = where.casefold()
    return sorted(canary for canary in canaries if canary.casefold() in lower)


def _dump(world: World) -> str:
    """Every value of every table."""
    lines = []
    with world.services.db.read() as conn:
        for table in Row.metadata.sorted_tables:
            lines += [f"{table.name} {tuple(row)!r}" for row in conn.execute(sa.select(table))]
    return "\n".join(lines)
