"""What DEERS says and what happens here, in any order: an account is what the two make of it, and neither of them is lost."""

import random
from dataclasses import dataclass, replace
from datetime import date

import pytest
from sqlalchemy import Connection

from idp.accounts import accounts, notices, people
from idp.accounts.accounts import Account, State
from idp.journeys import locking, sync
from idp.journeys.following import Why
from idp.ports import Changed, Changes, Claimed, Known, Matched, NoMatch, PortDown, Services
from tests.members import join
from tests.relying_party import on_sqlite
from tests.world import World

KEY, EDIPI = "somebody", "9900000999"


def somebody(key: str = KEY, edipi: str = EDIPI, *, deceased: bool = False, conflict: bool = False) -> Known:
    return Known(
        person_key=key,
        edipi=edipi,
        given_name="Some",
        middle_name=None,
        family_name="Body",
        suffix=None,
        born=date(1980, 1, 1),
        gender=None,
        deceased=deceased,
        conflict=conflict,
        status="OTHER",
        affiliations=(),
        eligibility=(),
        sponsor=None,
        emails=(),
        posts=(),
        every_email=("of.record@example.org",),
    )


class Told:
    """An authority that says what a test lets it say; a service with its own history may tell of it in any order."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {EDIPI: somebody()}
        self.pages: list[Changes] = []
        self.asked: list[str] = []

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        raise PortDown(f"not asked for {claimed}")

    def find(self, edipi: str) -> Known | None:
        self.asked.append(edipi)
        return self.known.get(edipi)

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        assert most > 0
        number = int(after or 0)
        waiting = self.pages[number:]
        return replace(waiting[0], more=len(waiting) > 1) if waiting else Changes((), after, more=False)

    def tell(self, *changes: Changed) -> None:
        """One more page of the feed."""
        self.pages.append(Changes(changes, str(len(self.pages) + 1), more=False))

    def count(self) -> int:
        return len(self.known)


@dataclass
class Model:
    """What must come of it."""

    own: State = State.ACTIVE
    own_why: str | None = None
    dead: bool = False
    conflict: bool = False
    gone: bool = False
    shown: tuple[str, str] | None = None
    """What DEERS made of it when it was looked at last."""

    def look(self) -> None:
        self.shown = None
        if self.gone:
            self.shown = (State.IDENTITY_CONFLICT.value, Why.NOT_IN_DEERS.value)
        elif self.dead:
            self.shown = (State.DECEASED.value, Why.DECEASED.value)
        elif self.conflict:
            self.shown = (State.IDENTITY_CONFLICT.value, Why.CONFLICT.value)

    @property
    def present(self) -> tuple[str, str | None]:
        return self.shown or (self.own.value, self.own_why)


ACTIONS = ("died", "lives", "mixed up", "resolved", "gone", "back", "lock", "unlock", "not me")


class Walk:
    """One account, what DEERS says of it, and what an operator and its owner do."""

    def __init__(self, world: World) -> None:
        self.told = Told()
        self.services: Services = replace(world.services, directory=self.told)
        self.world = world
        member = join(world.services, "some.body")
        self.account_id, self.person_id = member.account_id, member.person_id
        # `join` made up a key and an EDIPI of its own.
        with world.services.db.read() as conn:
            edipi = people.edipi_of(conn, world.services.keyring, member.person_id)
        key = f"member-{int(edipi) - 9_000_000_000}"
        self.edipi, self.someone = edipi, somebody(key, edipi)
        self.model = Model()

    @property
    def account(self) -> Account:
        with self.services.db.read() as conn:
            return accounts.get_account(conn, self.account_id)

    def do(self, action: str) -> None:
        model = self.model
        match action:
            case "died" | "lives":
                model.dead = action == "died"
            case "mixed up" | "resolved":
                model.conflict = action == "mixed up"
            case "gone" | "back":
                model.gone = action == "gone"
            case "lock":
                locked = self._write(self._lock)
                assert locked
                model.own, model.own_why = State.LOCKED, "fraud_report"
            case "unlock":
                if model.own is State.LOCKED:
                    assert self._write(self._unlock)
                    model.own, model.own_why = State.ACTIVE, None
            case "not me":
                token = self.services.db.write(
                    lambda conn: notices.link(conn, self.account_id, "password_changed")["not_me"]
                )
                assert locking.disown(self.services, token, address="203.0.113.9") is locking.Link.LOCKED
                if model.own is State.ACTIVE:
                    model.own, model.own_why = State.LOCKED, "disowned:password.changed"

    def look(self) -> None:
        said = replace(self.someone, deceased=self.model.dead, conflict=self.model.conflict)
        self.told.known = {} if self.model.gone else {self.edipi: said}
        sync.look_at_person(self.services, self.person_id, actor="worker")
        self.model.look()

    def check(self) -> None:
        account, model = self.account, self.model
        assert (account.state, account.state_why) == model.present
        before = None if model.shown is None else (model.own.value, model.own_why)
        assert before == (None if account.state_before is None else (account.state_before, account.state_before_why))

    def _write(self, work: object) -> bool:
        return self.services.db.write(work)  # type: ignore[arg-type]

    def _lock(self, conn: Connection) -> bool:
        return locking.lock(conn, self.services.keyring, self.account, actor="operator:test", why="fraud_report")

    def _unlock(self, conn: Connection) -> bool:
        return accounts.change_own_state(conn, self.account, becomes=State.ACTIVE, why=None)


@on_sqlite
def test_every_action_in_every_state_comes_to_what_the_two_sides_say(world: World) -> None:
    """R87, domain §4: what DEERS says hides what happened here, and never undoes it; each state times each action, at random
    until all have been met, with looks left out now and then.
    """
    walk, dice = Walk(world), random.Random(7)
    wanted = {
        (own, dead, conflict, gone, action)
        for own in (State.ACTIVE, State.LOCKED)
        for dead in (True, False)
        for conflict in (True, False)
        for gone in (True, False)
        for action in ACTIONS
        # An operator locks what is not locked; the command refuses the other.
        if not (action == "lock" and own is State.LOCKED)
    }
    met: set[tuple[object, ...]] = set()
    for _ in range(4_000):
        if wanted <= met:
            break
        model = walk.model
        here = (model.own, model.dead, model.conflict, model.gone)
        left = [action for action in ACTIONS if (*here, action) in wanted]
        action = dice.choice([one for one in left if (*here, one) not in met] or left)
        met.add((*here, action))
        walk.do(action)
        if dice.random() < 0.7:
            walk.look()
        walk.check()
    assert wanted <= met
    for action in ("lives", "resolved", "back", "unlock"):
        walk.do(action)
    walk.look()
    walk.check()
    assert (walk.account.state, walk.account.state_before) == ("active", None)


@on_sqlite
def test_a_lock_for_fraud_comes_back_as_a_lock(world: World) -> None:
    """And its owner hears that it is locked, not that it works."""
    walk = Walk(world)
    for action in ("lock", "died", "lives"):
        walk.do(action)
        walk.look()
        walk.check()
    assert (walk.account.state, walk.account.state_why) == ("locked", "fraud_report")
    subjects = [mail.subject for mail in world.mails() if mail.to == "maria@example.org"]
    assert sorted(subjects) == [
        "A Guidon account is no longer in use",
        "Your account was locked",
        "Your account was locked",
    ]


@on_sqlite
def test_a_change_of_the_reason_alone_is_recorded_and_told_once(world: World) -> None:
    walk = Walk(world)
    for action in ("mixed up", "gone", "back"):
        walk.do(action)
        walk.look()
    told = [(event.fields["was"], event.fields["why"]) for event in world.events("account.held")]
    assert told == [("active", "conflict"), ("identity_conflict", "not_in_deers"), ("identity_conflict", "conflict")]
    assert [mail.subject for mail in world.mails()] == ["Your account is on hold"]


@on_sqlite
def test_a_number_that_leads_to_somebody_else_holds_the_account_until_it_does_not(world: World) -> None:
    """Fail closed, and destroy nothing: no merge was told, so nobody knows who this is."""
    walk = Walk(world)
    key = walk.someone.person_key
    walk.told.known = {walk.edipi: somebody("somebody else", walk.edipi)}
    walk.told.tell(Changed(key, walk.edipi, "edipi"))
    assert sync.step(walk.services, actor="worker").followed == {"held": 1}
    assert (walk.account.state, walk.account.state_why) == ("identity_conflict", "not_in_deers")
    walk.told.known = {walk.edipi: walk.someone}
    walk.told.tell(Changed(key, walk.edipi, "edipi"))
    assert sync.step(walk.services, actor="worker").followed == {"freed": 1}
    assert walk.account.state == "active"


@on_sqlite
def test_a_page_that_tells_of_a_merge_late_holds_nobody_on_the_way(world: World) -> None:
    """An authority may tell first of a change under the old key, then of two merges in a row; the owner hears of nothing."""
    walk = Walk(world)
    key = walk.someone.person_key
    walk.told.known = {edipi: somebody("third", "9900000003") for edipi in (walk.edipi, "9900000002", "9900000003")}
    walk.told.tell(
        Changed(key, walk.edipi, "name"),
        Changed("second", "9900000002", "merge", former_key=key),
        Changed("second", "9900000002", "address"),
        Changed("third", "9900000003", "merge", former_key="second"),
    )
    assert sync.step(walk.services, actor="worker").followed == {"rekeyed": 1, "renumbered": 1}
    assert walk.told.asked == ["9900000003"]
    assert walk.account.state == "active"
    assert world.mails() == []
    # The same page again, as after a crash.
    walk.told.tell(*walk.told.pages[0].changes)
    assert sync.step(walk.services, actor="worker").followed == {}
    assert len(world.events("person.rekeyed")) == 1


class Interrupting(Told):
    """An authority that answers slowly: before its answer arrives, something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[object] = []

    def find(self, edipi: str) -> Known | None:
        answer = super().find(edipi)
        if self.meanwhile:
            self.meanwhile.pop()()  # type: ignore[operator]
        return answer


@pytest.mark.parametrize("first", [True, False], ids=["dead, then alive", "alive, then dead"])
def test_of_two_workers_who_look_at_once_the_one_who_asked_later_has_the_last_word(world: World, first: bool) -> None:
    """Also where the later one had nothing to do: its answer is newer all the same."""
    walk = Walk(world)
    slow = Interrupting()
    mine, other = replace(walk.services, directory=slow), walk.services
    early, late = (replace(walk.someone, deceased=dead) for dead in (first, not first))

    def the_other_one_looks() -> None:
        walk.told.known = slow.known = {walk.edipi: late}
        sync.look_at_person(other, walk.person_id, actor="worker")

    slow.known = {walk.edipi: early}
    slow.meanwhile = [the_other_one_looks]
    sync.look_at_person(mine, walk.person_id, actor="worker")
    assert walk.account.state == ("deceased" if late.deceased else "active")
    assert len(slow.asked) == 2
