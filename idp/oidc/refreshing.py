"""Whether a refresh token may be used: by whom, how long, and on what it rests today. Asked by its grant and by introspection."""

from sqlalchemy import Connection

from idp import clock
from idp.oidc import consents, standing
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.standing import Standing
from idp.oidc.tokens import RefreshToken


def look(conn: Connection, client: Client, row: RefreshToken, root: Authorization, *, issuer: str) -> Standing | str:
    """What the sign-in may show now, or why this token gives nothing more, in words for the log (R140). Whether it was spent
    already is the caller's to judge.
    """
    if row.expires_at <= clock.now():
        return "refresh token expired"
    stands = standing.find_standing(conn, root)
    if stands is None:
        return "the sign-in is over"
    if not _still_allowed(conn, root, issuer):
        return "consent was taken back"
    if standing.is_too_old(root, client.min_acr):
        return "Premium needs a newer sign-in"
    if stands.is_below(client.min_acr):
        return "below the client's minimum acr"
    return stands


def _still_allowed(conn: Connection, root: Authorization, issuer: str) -> bool:
    """Access that outlives the session rests on a consent, which may have been taken back since (R140)."""
    return not standing.is_offline(root) or consents.remembers(
        conn,
        account_id=root.acting_account_id,
        person_id=root.subject_person_id,
        client_id=root.client_id,
        wanted=consents.wanted_again(root, issuer=issuer),
    )
