"""What others know of a person and would try first as their password (R6)."""

from sqlalchemy import Connection

from idp.accounts import addresses, profile
from idp.keyring import Keyring

_NAMES = ("given_name", "middle_name", "family_name", "name", "nickname", "preferred_username")


def list_words(conn: Connection, keyring: Keyring, account_id: str) -> tuple[str, ...]:
    """The names that the person gave, and each of their e-mail addresses before the @. The username comes beside them."""
    said = profile.read(conn, keyring, account_id)
    names = [said[name] for name in _NAMES if said.get(name)]
    return (*names, *(before_at(email) for email in addresses.list_emails(conn, keyring, account_id)))


def before_at(email: str) -> str:
    """The part of an e-mail address before the @."""
    return email.rpartition("@")[0]
