"""What leaves the house: at least once, never twice at the same time, never for ever, and forgotten once it is gone."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from idp import clock, outbox, worker
from idp.db import Database, list_rows
from idp.outbox import Message, State
from tests.members import PASSWORD, join
from tests.races import Ready, together
from tests.world import World

_FACTS = {"code": "7KQ2M-9XHTD", "minutes": "30"}


def _send(world: World, to: str = "dana@example.org", template: str = "activation_code") -> str:
    return world.services.db.write(
        lambda conn: outbox.enqueue(
            conn,
            world.services.keyring,
            template=template,
            to=to,
            facts=_FACTS,
            language="en",
            subject=None,
        )
    )


def _message(world: World, id_: str) -> Message:
    with world.services.db.read() as conn:
        return list_rows(conn, Message, Message.id == id_)[0]


def test_a_message_goes_out_by_smtp_and_is_then_erased(world: World) -> None:
    id_ = _send(world)
    (mail,) = world.mails()
    assert mail.to == "dana@example.org"
    assert "7KQ2M-9XHTD" in mail.text
    sent = _message(world, id_)
    assert (sent.state, sent.sealed) == (State.DELIVERED.value, None)
    assert [event.fields["message"] for event in world.events("outbox.delivered")] == [id_]


def test_what_waits_is_sealed(world: World) -> None:
    """R74: neither address nor code lies in the table in clear."""
    id_ = _send(world)
    sealed = _message(world, id_).sealed
    assert sealed is not None
    assert b"dana" not in sealed
    assert b"7KQ2M" not in sealed


def test_a_dead_mail_server_means_later_and_longer_each_time_and_then_never(world: World) -> None:
    """F7: a dead neighbour delays the mail, not the person, and not for ever."""
    with time_machine.travel(clock.now(), tick=False) as time:
        id_ = _send(world)
        waits = []
        while _message(world, id_).state == State.WAITING.value:
            before = clock.now()
            assert worker.deliver_one(world.services)
            message = _message(world, id_)
            if message.state == State.WAITING.value:
                waits.append(message.due_at - before)
                assert not worker.deliver_one(world.services)
                time.move_to(message.due_at)
        assert waits == sorted(waits)
        assert len(waits) == outbox.MOST_TRIES - 1
        assert _message(world, id_).state == State.GAVE_UP.value
        assert _message(world, id_).sealed is None
        assert len(world.events("outbox.gave_up")) == 1


def test_a_worker_that_died_leaves_its_message_to_the_next(world: World) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        _send(world)
        taken = world.services.db.write(outbox.claim)
        assert taken is not None
        assert world.mails() == []
        time.shift(timedelta(minutes=2))
        assert len(world.mails()) == 1


def test_one_broken_message_does_not_stop_the_others(world: World) -> None:
    """A seal that no key opens, or a fact that a template misses, is that message's failure alone."""
    broken = _send(world)
    unfilled = _send(world, template="no_such_template")
    good = _send(world, to="robin@example.org")
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Message).where(Message.id == broken).values(sealed=b"old.xxxxxxxxxxxxxxxx"))
    )
    assert [mail.to for mail in world.mails()] == ["robin@example.org"]
    assert _message(world, good).state == State.DELIVERED.value
    for id_, fault in ((broken, "SealBroken"), (unfilled, "TemplateNotFound")):
        message = _message(world, id_)
        assert (message.state, message.tries, message.fault) == (State.WAITING.value, 1, fault)


def test_an_address_that_would_forge_a_header_goes_nowhere(world: World) -> None:
    """R101."""
    _send(world, to="dana@example.org\r\nBcc: everybody@example.org")
    assert world.mails() == []


def test_sweeping_deletes_what_is_over_and_breaks_nothing(world: World) -> None:
    """R175: a year later nothing but accounts and the audit log is left."""
    join(world.services, "dana.example")
    world.browser().open("/login").submit(username="dana.example", password=PASSWORD)
    world.browser().open("/register").submit(level="basic")
    _send(world)
    world.mails()
    with time_machine.travel(clock.now() + timedelta(days=400)) as time:
        swept = worker.sweep(world.services)
        time.shift(timedelta(hours=2))
        later = worker.sweep(world.services)
        rest = worker.sweep(world.services)
    assert swept["idp.credentials.session_use"] >= 1
    assert swept["idp.outbox"] >= 1
    assert later["idp.journeys.engine"] >= 1  # closed, with its event, by the first look
    assert set(rest.values()) == {0}


def _claim_all(ready: Ready, url: str) -> list[str]:
    database = Database(url)
    ready()
    taken = []
    while (message := database.write(outbox.claim)) is not None:
        taken.append(message.id)
    database.close()
    return taken


@pytest.mark.races
def test_workers_beside_each_other_never_take_the_same_message(world: World, database_url: str) -> None:
    sent = {_send(world, to=f"person{number}@example.org") for number in range(30)}
    workers = [(database_url,)] * 4
    taken = [id_ for several in together(_claim_all, workers) for id_ in several]
    assert len(taken) == len(set(taken))
    # A claim that lost its race ends its process's loop, so a few may wait for the next look; none is lost.
    with world.services.db.read() as conn:
        waiting = set(conn.execute(sa.select(Message.id).where(Message.taken_until.is_(None))).scalars())
    assert set(taken) | waiting == sent
