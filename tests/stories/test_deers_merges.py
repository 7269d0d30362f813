"""Two records of DEERS turn out to be one human: whoever has the account keeps it, their ids, and what sites know them by."""

from dataclasses import dataclass

import pytest

from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.directory import cast
from tests.deers_changes import Deers, account_of, adult, follow
from tests.idp_command import environment_of, read_json, run_idp
from tests.members import Member, join
from tests.registrants import Registrant, identify
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

SECOND = "cast-val-2"
TERRY = Registrant("Terry", "Sample700", (1980, 1, 1), "9900000112", "dod_id")
"""What somebody says who registers by the record that stays."""


@dataclass
class Val:
    """Val Double as DEERS had them until now: two records, with an account for some of them."""

    world: World
    deers: Deers

    def __post_init__(self) -> None:
        self.first = self.deers.change(cast.VAL, conflict_since=None, other_edipis=(), edipi="9900000104")
        self.second = self.deers.load(adult(SECOND, 700, edipi="9900000112", ssn="900000104"))

    def joins(self, number: int) -> Member:
        record = self.second if number == 2 else self.first
        return join(
            self.world.services,
            f"val.{number}",
            level=Level.PREMIUM,
            totp=True,
            edipi=record.edipi,
            email=f"val.{number}@home.example",
        )

    def was_here(self, number: int) -> Member:
        """They had an account by this record, and closed it."""
        member = self.joins(number)
        self.world.services.db.write(
            lambda conn: accounts.change_state(
                conn, member.account_id, was=State.ACTIVE, becomes=State.CLOSED, why="test"
            )
        )
        return member


@pytest.fixture
def val(world: World) -> Val:
    return Val(world, Deers(world))


def seen_by(rp: RelyingParty, member: Member) -> tuple[str, str]:
    """`sub` and EDIPI, as a site that this member signs in to is told them."""
    tokens = rp.tokens(sign_in(rp.world, member), scope="openid edipi")
    told = rp.userinfo(tokens.access_token).get_json()
    return told["sub"], told["dslogon_uuid"]


def test_who_has_an_account_by_the_record_that_is_no_more_keeps_it(world: World, val: Val) -> None:
    """DESIGN §5: our person and subject ids stay."""
    rp = RelyingParty(world, scopes=("openid", "edipi"))
    member = val.joins(1)
    sub, _ = seen_by(rp, member)
    browser = sign_in(world, member)
    val.deers.merge(cast.VAL, into=SECOND)
    assert follow(world) == {"rekeyed": 1, "renumbered": 1}
    assert browser.open("/account").page.name == "account/show"
    assert seen_by(rp, member) == (sub, "9900000112")
    assert world.mails() == []
    # The feed may be read again from anywhere.
    val.deers.tell(SECOND, former=cast.VAL)
    assert follow(world) == {}


def test_who_has_an_account_by_the_record_that_stays_notices_nothing(world: World, val: Val) -> None:
    rp = RelyingParty(world, scopes=("openid", "edipi"))
    member = val.joins(2)
    sub, _ = seen_by(rp, member)
    val.deers.merge(cast.VAL, into=SECOND)
    assert follow(world) == {}
    assert seen_by(rp, member) == (sub, "9900000112")


@pytest.mark.parametrize("here", [1, 2])
def test_an_account_that_was_closed_long_ago_is_in_nobodys_way(world: World, val: Val, here: int) -> None:
    """Both records have a person of ours, one of them a live account: that one stands for the record that stayed."""
    rp = RelyingParty(world, scopes=("openid", "edipi"))
    member = val.joins(here)
    val.was_here(3 - here)
    sub, _ = seen_by(rp, member)
    val.deers.merge(cast.VAL, into=SECOND)
    followed = follow(world)
    assert followed == ({"merged": 1, "rekeyed": 1, "renumbered": 1} if here == 1 else {"merged": 1})
    assert account_of(world, member).state == "active"
    assert seen_by(rp, member) == (sub, "9900000112")
    val.deers.tell(SECOND, former=cast.VAL)
    assert follow(world) == {}
    # They are known by that record from now on: nobody registers beside them.
    assert register_again(world) == "registration/not_matched"


def register_again(world: World) -> str:
    return identify(world.browser(), TERRY).submit(delivery="screen", email="").page.name


@pytest.mark.parametrize("kept", [1, 2])
def test_two_accounts_of_one_person_are_held_until_the_service_center_closes_one(
    world: World, val: Val, kept: int
) -> None:
    """Nobody but the owner can say which one is theirs to keep; until then neither opens anything."""
    rp = RelyingParty(world, scopes=("openid", "edipi"))
    members = {number: val.joins(number) for number in (1, 2)}
    subs = {number: seen_by(rp, member)[0] for number, member in members.items()}
    val.deers.merge(cast.VAL, into=SECOND)
    assert follow(world) == {"merged": 1, "held": 2}
    for member in members.values():
        account = account_of(world, member)
        assert (account.state, account.state_why) == ("identity_conflict", "two_accounts")
    told = {mail.to: mail for mail in world.mails()}
    assert told.keys() == {"val.1@home.example", "val.2@home.example"}
    assert all("which account you want to keep" in mail.text for mail in told.values())
    # Reading it again, or a death beside it, loses nothing.
    val.deers.died(SECOND)
    assert follow(world) == {"held": 2}
    val.deers.change(SECOND, deceased_on=None)
    assert follow(world) == {"held": 2}
    assert account_of(world, members[1]).state_why == "two_accounts"

    environment = environment_of(world)
    unlock = run_idp(environment, "accounts", "unlock", f"val.{kept}", "--reason", "called_back", "--yes")
    assert unlock.returncode == 1
    assert "idp accounts close" in unlock.stderr
    other = members[3 - kept]
    close = ("accounts", "close", other.account_id, "--reason", "second_account")
    assert read_json(run_idp(environment, *close, "--json"))["would_become"] == "closed"
    assert account_of(world, other).state == "identity_conflict"
    assert read_json(run_idp(environment, *close, "--yes", "--json")) == {
        "account": other.account_id,
        "state": "closed",
        "freed": 1,
    }
    assert account_of(world, members[kept]).state == "active"
    assert seen_by(rp, members[kept]) == (subs[kept], "9900000112")
    newest = {mail.to: mail.subject for mail in reversed(world.mails())}
    assert newest[f"val.{kept}@home.example"] == "Your account works again"
    assert newest[f"val.{3 - kept}@home.example"] == "Your account was closed"
    # A second run finds nothing to do.
    assert read_json(run_idp(environment, *close, "--yes", "--json"))["freed"] == 0
    assert len(world.events("account.closed")) == 1


@on_sqlite
def test_of_three_records_that_become_one_the_only_account_stays(world: World, val: Val) -> None:
    member = val.joins(1)
    val.was_here(2)
    val.deers.load(adult("cast-val-3", 800))
    third = join(world.services, "val.3", edipi="9900000800", email=None)
    val.deers.merge(cast.VAL, into=SECOND)
    assert follow(world) == {"merged": 1, "rekeyed": 1, "renumbered": 1}
    val.deers.merge(SECOND, into="cast-val-3")
    assert follow(world) == {"merged": 1, "held": 2}
    closed = run_idp(environment_of(world), "accounts", "close", "val.3", "--reason", "second_account", "--yes")
    assert closed.returncode == 0, closed.stderr
    assert account_of(world, member).state == "active"
    assert account_of(world, third).state == "closed"
    known = world.services.directory.find("9900000104")
    assert known is not None
    assert known.person_key == "cast-val-3"


def test_two_merges_in_a_row_are_followed_though_the_record_between_them_is_gone(world: World, val: Val) -> None:
    """The feed is read only after both: its first entry then tells of the record that the second one left."""
    rp = RelyingParty(world, scopes=("openid", "edipi"))
    member = val.joins(1)
    sub, _ = seen_by(rp, member)
    val.deers.load(adult("cast-val-3", 800))
    val.deers.merge(cast.VAL, into=SECOND)
    val.deers.merge(SECOND, into="cast-val-3")
    assert follow(world) == {"rekeyed": 1, "renumbered": 1}
    assert seen_by(rp, member) == (sub, "9900000800")
