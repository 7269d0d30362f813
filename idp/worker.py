"""The worker: delivers what is in the outbox, sweeps what is over, follows DEERS. Any number may run beside each other.

It renders messages itself, so that no page waits for a template or a mail server, and a crash between the two loses
nothing.
"""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from babel.dates import format_datetime
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import Connection

from idp import audit, clock, limits, logs, outbox
from idp.accounts import disownings
from idp.adapters.letters import print_letter
from idp.audit import Event
from idp.credentials import ceremonies, devices, session_use
from idp.db import Unavailable
from idp.directory import feed
from idp.journeys import engine, registration, sync, upgrade
from idp.oidc import assertions, authorizations, parked, tokens
from idp.outbox import Channel, Message, Opened
from idp.ports import Letter, Mail, PortDown, Post, Services
from idp.proofing import address_codes, held_numbers
from idp.web.assets import find_folder

log = logs.get(__name__)

_PAUSE = 0.5  # seconds between looks into an empty outbox
_FOLLOW_EVERY, _FOLLOW_AGAIN = (
    3.0,
    300.0,
)  # seconds between looks at DEERS's feed, and at the most while it does not answer
_SWEEP_EVERY = timedelta(minutes=4)
"""What is held for 24 minutes is gone within 30, however busy the outbox is (R76)."""

_SWEEPS: tuple[Callable[[Connection], int], ...] = (
    registration.sweep,
    upgrade.sweep,
    held_numbers.sweep,
    address_codes.sweep,
    engine.sweep,
    parked.sweep,
    tokens.sweep,
    assertions.sweep,
    authorizations.sweep,
    session_use.sweep,
    ceremonies.sweep,
    devices.sweep,
    disownings.sweep,
    feed.sweep,
    limits.sweep,
    outbox.sweep,
)


def run(services: Services, stop: threading.Event) -> None:
    """Work until told to stop; an outage is waited out."""
    # Beside the rest: a DEERS that answers slowly must keep nobody waiting for a code.
    follower = threading.Thread(target=follow_deers, args=(services, stop), name="deers-follower", daemon=True)
    follower.start()
    swept_at: datetime | None = None
    while not stop.is_set():
        try:
            if swept_at is None or abs(clock.now() - swept_at) >= _SWEEP_EVERY:
                swept_at = clock.now()
                sweep(services)
            busy = deliver_one(services)
        except Unavailable:
            log.warning("outage", kind="database")
            busy = False
            stop.wait(_PAUSE * 10)
        except Exception as bug:
            log.exception("fault", kind=type(bug).__name__)
            busy = False
            stop.wait(_PAUSE * 10)
        if not busy:
            stop.wait(_PAUSE)
    follower.join()


def follow_deers(services: Services, stop: threading.Event) -> None:
    """Let what changes at DEERS reach the accounts, until told to stop. While DEERS does not answer the pause grows, and the
    place in its feed stays.
    """
    pause = _FOLLOW_EVERY
    while not stop.is_set():
        try:
            done = sync.step(services, actor="worker")
        except (PortDown, Unavailable) as down:
            log.warning("outage", kind="deers" if isinstance(down, PortDown) else "database")
            pause = min(pause * 2, _FOLLOW_AGAIN)
        except Exception as bug:
            log.exception("fault", kind=type(bug).__name__)
            pause = min(pause * 2, _FOLLOW_AGAIN)
        else:
            pause = _FOLLOW_EVERY
            if done.more:
                continue
        stop.wait(pause)


def deliver_one(services: Services) -> bool:
    """Deliver the next message that is due; tell whether there was one. Whatever is wrong with it is its own failure:
    it is tried again later, at most so often, and the others go out.
    """
    message = services.db.write(outbox.claim)
    if message is None:
        return False
    try:
        _send(outbox.unseal(message, services.keyring), services)
    except Unavailable:
        raise
    except Exception as wrong:
        fault = str(wrong) if isinstance(wrong, PortDown) else type(wrong).__name__
        if not isinstance(wrong, PortDown):
            log.exception("fault", message=message.id, template=message.template)
        services.db.write(lambda conn: _note_failure(conn, message, fault))
    else:
        services.db.write(lambda conn: _note_delivery(conn, message))
    return True


def deliver_all(services: Services) -> int:
    """Deliver all that is due now; tell how many were tried."""
    tried = 0
    while deliver_one(services):
        tried += 1
    return tried


def sweep(services: Services) -> dict[str, int]:
    """Delete what is over, a table at a time, and tell how many of each."""
    return {work.__module__: services.db.write(work) for work in _SWEEPS}


def _send(message: Opened, services: Services) -> None:
    if message.channel is Channel.LETTER:
        if services.letters is None:
            raise PortDown("letters: IDP_LETTERS is not set")
        # The id makes a second try after a crash the same letter.
        services.letters.send(render_letter(message, services), reference=message.id)
    else:
        services.mailer.send(render(message, services))


def render_letter(message: Opened, services: Services) -> Letter:
    """A letter in its language. `to` is JSON: the name and the parts of the address."""
    to = json.loads(message.to)
    name, post = to.pop("name"), Post(**to)
    facts = {**message.facts, "issuer": services.settings.issuer, "help_phone": services.settings.help_phone}
    if facts.get("works_from"):
        facts["works_from"] = format_datetime(
            datetime.fromisoformat(facts["works_from"]), "long", locale=message.language
        )
    template = _environment(message.language, "letter").get_template(f"{message.template}.txt")
    title, _, text = template.render(facts).partition("\n")
    pdf = print_letter(
        name=name, post=post, on=clock.now().date(), title=title, text=text.strip(), language=message.language
    )
    return Letter(name, post, pdf)


def render(message: Opened, services: Services) -> Mail:
    """A message in its language. The text's first line is the subject; a fact that a template misses is a fault, not
    a gap.
    """
    facts = {**message.facts, "issuer": services.settings.issuer, "help_phone": services.settings.help_phone}
    environment = _environment(message.language, "mail")
    subject, _, text = environment.get_template(f"{message.template}.txt").render(facts).partition("\n")
    html = environment.get_template(f"{message.template}.html").render(facts)
    return Mail(to=message.to, subject=subject.removeprefix("Subject:").strip(), text=text.strip() + "\n", html=html)


@cache
def _environment(language: str, folder: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(find_folder("templates") / folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translations = Translations.load(find_folder("translations"), [language])
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["language"] = language
    return environment


def _note_delivery(conn: Connection, message: Message) -> None:
    outbox.delivered(conn, message.id)
    audit.record(
        conn, Event.OUTBOX_DELIVERED, actor="worker", subject=None, message=message.id, template=message.template
    )


def _note_failure(conn: Connection, message: Message, fault: str) -> None:
    if outbox.failed(conn, message.id, fault):
        audit.record(
            conn, Event.OUTBOX_GAVE_UP, actor="worker", subject=None, message=message.id, template=message.template
        )
