"""The `sub` that a client sees: nobody's number or name, and another one in every sector (OIDC Core §8, R122, R123)."""

from idp.keyring import Keyring
from idp.oidc.clients import Client

PAIRWISE = "pairwise"
PUBLIC = "public"
TYPES = (PAIRWISE, PUBLIC)


def sub_for(keyring: Keyring, client: Client, subject_id: str) -> str:
    """Stable for this person and sector; 43 characters, so never equal to a client_id, which has 26."""
    if client.subject_type == PUBLIC:
        return keyring.mac("subject:public", subject_id)
    return keyring.mac("subject:pairwise", f"{client.sector}\x1f{subject_id}")


def sid_for(keyring: Keyring, client: Client, session_id: str) -> str:
    """The session as this client may know it: another client's `sid` for the same session tells neither of them anything."""
    return keyring.mac("sid", f"{client.id}\x1f{session_id}")
