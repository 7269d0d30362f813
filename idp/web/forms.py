"""The base of every form: a field that it does not have changes nothing, and is noted (R103, ASVS 15.3.3)."""

from functools import cache

from flask import request
from flask_wtf import FlaskForm
from sqlalchemy import Connection

from idp import audit, db, limits
from idp.audit import ANONYMOUS, Event
from idp.limits import Limit
from idp.web import guard
from idp.web.pages import services, signed_in

_BESIDE = frozenset(
    {"act", "answer", "choice", "client_id", "code", "csrf_token", "end", "next", "remembered", "request", "session_id"}
    | {"shown_to", "username", "version"}
)
"""What pages send beside a form's own fields: buttons, where to go on, and a name for the browser's list of passwords."""

_MOST_NAMES = 10


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """A form of a page."""

    def validate(self, extra_validators: dict[str, list[object]] | None = None) -> bool:
        """As usual, and what was sent beside its fields is noted."""
        _note(frozenset(request.form) - _BESIDE - {field.name for field in self})
        return bool(super().validate(extra_validators))


def _note(unknown: frozenset[str]) -> None:
    """Leave a trace of somebody who tries to set what no form of this page sets: how many fields, and of their names those that
    are words of ours. Other names, and values, may hold anything. A few an hour from one address keep the log short.
    """
    if not unknown:
        return
    me, page = signed_in(), request.endpoint or ""

    def write(conn: Connection) -> None:
        if limits.reserve(conn, Limit.FIELDS_ADDRESS, guard.address()) is not None:
            return
        audit.record(
            conn,
            Event.FIELDS_IGNORED,
            actor=me.account_id if me else ANONYMOUS,
            subject=me.person_id if me else None,
            page=page,
            count=len(unknown),
            names=sorted(unknown & _our_words())[:_MOST_NAMES],
        )

    services().db.write(write)


@cache
def _our_words() -> frozenset[str]:
    """What our tables call things: `level`, `state`, `account_id`."""
    return frozenset(column.name for table in db.Row.metadata.tables.values() for column in table.columns)
