"""How often the directory is asked what a claim leads to: counted before it is asked, for the number that is claimed, for the
address and for everybody (R64, R65). Right claims are counted like wrong ones, or the counts would tell which was right (R63).
"""

import logging

from sqlalchemy import Connection

from idp import audit, limits
from idp.audit import ANONYMOUS, Event
from idp.credentials.sign_in import network_of
from idp.keyring import Keyring
from idp.limits import Counted, Limit
from idp.outcomes import Reason, Refused
from idp.ports import Claimed, IdKind

log = logging.getLogger(__name__)

EVERYBODY = "all"
"""The key of the limit that all claims share."""


def of(keyring: Keyring, claimed: Claimed, address: str) -> Counted:
    """What one claim is counted for. The number is an HMAC, the same from any browser and for whoever has it or not."""
    number = number_key(keyring, claimed.id_kind, claimed.id_number)
    return (
        (Limit.MATCH_GLOBAL, EVERYBODY),
        (Limit.MATCH_ADDRESS, network_of(address)),
        (Limit.MATCH_PERSON_EVER, number),
        (Limit.MATCH_PERSON, number),
    )


def number_key(keyring: Keyring, kind: IdKind, number: str) -> str:
    """What the tries with one number are counted under."""
    return keyring.mac("registration:number", f"{kind}:{number}")


def reserve(conn: Connection, counted: Counted) -> Refused | None:
    """Count one claim. `TRIES_USED_UP` where only the service center helps, else `TOO_MANY_TRIES` with the time to wait."""
    refused = limits.refused_by(conn, counted)
    if refused is None:
        _alarm(conn)
        return None
    return Refused(Reason.TRIES_USED_UP) if refused[0] is Limit.MATCH_PERSON_EVER else refused[1]


def settle(conn: Connection, *, number: str, network: str) -> None:
    """A claim led to an account. The address is not charged, so that a clinic's network does not run dry by people who got
    through, and the number begins anew: whoever is through has nothing left to guess.
    """
    limits.give_back_all(conn, ((Limit.MATCH_GLOBAL, EVERYBODY), (Limit.MATCH_ADDRESS, network)))
    limits.clear(conn, (Limit.MATCH_PERSON_EVER, number))


def reset(conn: Connection, number: str) -> None:
    """Let the number be tried again, as the service center may."""
    for limit in (Limit.MATCH_PERSON_EVER, Limit.MATCH_PERSON):
        limits.clear(conn, (limit, number))


def _alarm(conn: Connection) -> None:
    """Say so when this was the last claim that an hour allows. Nobody is let through unchecked meanwhile (R65)."""
    if limits.is_spent(conn, Limit.MATCH_GLOBAL, EVERYBODY):
        log.error("claims come in from everywhere: nobody can be matched until the hour is over")
        audit.record(conn, Event.MATCHING_PAUSED, actor=ANONYMOUS, subject=None)
