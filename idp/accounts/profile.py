"""What people say about themselves on their account page: the standard claims of OIDC Core §5.1, all optional.

Nobody checks whether they are true. Nothing from DEERS is ever kept here, and nothing typed here ever raises a level.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, db
from idp.accounts.accounts import username_key
from idp.audit import Event
from idp.keyring import Keyring

LONGEST_TEXT = 200
LONGEST_ADDRESS = 1_000
LONGEST_POST_ADDRESS = 500
_EARLIEST = date(1880, 1, 1)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_GROUPING = re.compile(r"[ ().\u00a0\u2010-\u2015/-]")


class Profile(db.Row):
    """The claims of one account, sealed together."""

    __tablename__ = "profile"

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    sealed: Mapped[bytes]
    updated_at: Mapped[datetime]


_OF_ACCOUNT = sa.select(Profile.__table__).where(Profile.account_id == sa.bindparam("account"))
"""Made once: userinfo runs it, and to make it anew costs more than to run it."""


class Wrong(StrEnum):
    """What can be wrong with something typed; `web/messages.py` has the words."""

    TOO_LONG = "too_long"
    NOT_TEXT = "not_text"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_A_DATE = "not_a_date"
    NOT_A_ZONE = "not_a_zone"
    NOT_A_LOCALE = "not_a_locale"
    NOT_A_PHONE = "not_a_phone"
    IS_USERNAME = "is_username"


def check(typed: Mapping[str, str], *, username: str) -> dict[str, Wrong]:
    """What is wrong with each claim, by its name; an empty value never is. An unknown name raises `KeyError`."""
    found = {name: _CLAIMS[name](value.strip()) for name, value in typed.items() if value.strip()}
    wrong = {name: fault for name, fault in found.items() if fault is not None}
    # Whatever leaves as `preferred_username` is read by every client: the name that opens the account must not be it.
    if username_key(typed.get("preferred_username", "")) == username_key(username):
        wrong["preferred_username"] = Wrong.IS_USERNAME
    return wrong


def save(conn: Connection, keyring: Keyring, *, account_id: str, person_id: str, typed: Mapping[str, str]) -> bool:
    """Keep these checked claims in place of the others; an empty value takes its claim away. Tell if it changed any."""
    claims = {name: _kept(name, value.strip()) for name, value in typed.items() if name in _CLAIMS and value.strip()}
    found = conn.execute(_OF_ACCOUNT, {"account": account_id}).mappings().one_or_none()
    held = Profile(**found) if found is not None else None
    if claims == (_open(keyring, held) if held else {}):
        return False
    sealed = keyring.seal(json.dumps(claims).encode("utf-8"), table="profile", column="sealed", row=account_id)
    values = {"sealed": sealed, "updated_at": clock.now()}
    conn.execute(
        db.upsert(conn, Profile)
        .values(account_id=account_id, **values)
        .on_conflict_do_update(index_elements=["account_id"], set_=values)
    )
    audit.record(conn, Event.PROFILE_CHANGED, actor=account_id, subject=person_id, account=account_id)
    return True


def read(conn: Connection, keyring: Keyring, account_id: str) -> dict[str, Any]:
    """The claims by their OIDC names, those that were given alone; `updated_at` in epoch seconds (OIDC Core §5.1)."""
    held = db.find(conn, Profile, Profile.account_id == account_id)
    if held is None:
        return {}
    return {**_open(keyring, held), "updated_at": clock.epoch(held.updated_at)}


def zones() -> list[str]:
    """Every time zone that can be chosen, in the order of its name; the system's own list may be missing."""
    return sorted(zone for zone in get_global("zone_territories") if "/" in zone and not zone.startswith("Etc/"))


def _open(keyring: Keyring, held: Profile) -> dict[str, str]:
    plain = keyring.unseal(held.sealed, table="profile", column="sealed", row=held.account_id)
    claims: dict[str, str] = json.loads(plain)
    return claims


def _kept(name: str, value: str) -> str:
    """As it is kept: a telephone number without the signs that people group it by (OIDC Core §5.1 `phone_number`)."""
    return _GROUPING.sub("", value) if name == "phone_number" else value


def _phone(value: str) -> Wrong | None:
    """A number with its country code, as E.164 has it: without the code a client abroad could not call it."""
    return None if len(value) <= LONGEST_TEXT and _E164.fullmatch(_kept("phone_number", value)) else Wrong.NOT_A_PHONE


def _post_address(value: str) -> Wrong | None:
    if len(value) > LONGEST_POST_ADDRESS:
        return Wrong.TOO_LONG
    return None if value.isprintable() else Wrong.NOT_TEXT


def _text(value: str) -> Wrong | None:
    if len(value) > LONGEST_TEXT:
        return Wrong.TOO_LONG
    return None if value.isprintable() else Wrong.NOT_TEXT


def _address(value: str) -> Wrong | None:
    """An https or http page. Anything else (`javascript:`) would be carried into the pages of clients (R95)."""
    if len(value) > LONGEST_ADDRESS:
        return Wrong.TOO_LONG
    if not re.fullmatch(r"https?://[^\s\"'<>\\^`{|}]+", value) or not value.isprintable():
        return Wrong.NOT_AN_ADDRESS
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and parts.username is None
        _ = parts.port
    except ValueError:
        return Wrong.NOT_AN_ADDRESS
    return None if named else Wrong.NOT_AN_ADDRESS


def _birthdate(value: str) -> Wrong | None:
    """YYYY-MM-DD, between the oldest who may live and today (OIDC Core §5.1)."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return Wrong.NOT_A_DATE
    try:
        born = date.fromisoformat(value)
    except ValueError:
        return Wrong.NOT_A_DATE
    return None if _EARLIEST <= born <= clock.now().date() else Wrong.NOT_A_DATE


def _zone(value: str) -> Wrong | None:
    return None if value in get_global("zone_territories") else Wrong.NOT_A_ZONE


def _locale(value: str) -> Wrong | None:
    """A language tag such as `en-US` (RFC 5646) that names a language there is."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", value):
        return Wrong.NOT_A_LOCALE
    try:
        Locale.parse(value, sep="-")
    except (ValueError, UnknownLocaleError):
        return Wrong.NOT_A_LOCALE
    return None


_CLAIMS: dict[str, Callable[[str], Wrong | None]] = {
    "name": _text,
    "given_name": _text,
    "family_name": _text,
    "middle_name": _text,
    "nickname": _text,
    "preferred_username": _text,
    "profile": _address,
    "picture": _address,
    "website": _address,
    "gender": _text,
    "birthdate": _birthdate,
    "zoneinfo": _zone,
    "locale": _locale,
    "phone_number": _phone,
    "address": _post_address,
}

NAMES = tuple(_CLAIMS)
"""The claims that a person may type; one more, `updated_at`, keeps itself."""
