"""Introspection: what a token is worth at this moment, for its client and for the resource server that it is meant for (RFC 7662).

Whatever else is asked has one answer, which says nothing but "no" (R147).
"""

from sqlalchemy import Connection

from idp import clock
from idp.oidc import access_jwts, client_auth, refreshing, standing, subjects, tokens
from idp.oidc.access_jwts import Opened
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import MachineAnswer
from idp.oidc.parameters import Params
from idp.oidc.standing import Standing
from idp.oidc.tokens import AccessToken, RefreshToken

METHODS = client_auth.PROVING
"""A client that proves nothing may ask nothing (RFC 7662 §2.1)."""


def answer(context: Context, form: Params, authorization: str | None) -> MachineAnswer:
    """Answer one question. `token_type_hint` is not needed: one look tells what a token is (RFC 7662 §2.1)."""
    caller = client_auth.client_or_answer(context, authorization, form, methods=METHODS)
    if isinstance(caller, MachineAnswer):
        return caller
    if "token" not in form:
        return client_auth.bad_request("invalid_request", "token is missing")
    token = form["token"]
    looked_for = access_jwts.look_for(context, token)
    with context.db.read() as conn:
        access = find_access(conn, looked_for)
        stands = standing.find_standing(conn, access[1]) if access else None
        refresh = None if access else _find_refresh(conn, caller, token, context.issuer)
    # Not before the read has ended: a second one inside it could wait for a connection that nobody gives back.
    told = None
    if access is not None and stands is not None:
        told = _access(context, caller, *access, stands)
    elif refresh is not None:
        told = _refresh(context, caller, *refresh)
    return MachineAnswer(200, told or {"active": False}, client_auth.NO_STORE)


def find_access(conn: Connection, looked_for: Opened) -> tuple[AccessToken, Authorization] | None:
    """A living access token of either kind. The audience decides which: the `jti` of a signed one is no token (R130)."""
    found = tokens.find_access(conn, looked_for.jti)
    return found if found is not None and found[0].audience == looked_for.audience else None


def _access(
    context: Context, caller: Client, row: AccessToken, root: Authorization, stands: Standing
) -> dict[str, object] | None:
    target = None if row.audience == context.issuer else context.resources.find(row.audience)
    if target is None and row.audience != context.issuer:
        return None
    meant = target is not None and target.client.id == caller.id
    if not meant and row.client_id != caller.id:
        return None
    # A token for a resource server names the person as that server knows them, whoever asks: it is one and the same token.
    client = context.clients.find(row.client_id)
    known_to = target.client if target is not None else client
    if known_to is None or client is None:
        return None
    return {
        **_told(context, root, stands, known_to),
        "scope": " ".join(row.scopes),
        "aud": row.audience,
        "exp": clock.epoch(row.expires_at),
        "iat": clock.epoch(row.created_at),
        "token_type": "Bearer",
    }


def _find_refresh(
    conn: Connection, caller: Client, token: str, issuer: str
) -> tuple[RefreshToken, Authorization, Standing] | None:
    """Its own client's only, and only while it would still give something."""
    found = tokens.find_refresh(conn, token)
    if found is None or found[0].client_id != caller.id or found[0].consumed_at is not None:
        return None
    looked = refreshing.look(conn, caller, *found, issuer=issuer)
    return None if isinstance(looked, str) else (*found, looked)


def _refresh(
    context: Context, caller: Client, row: RefreshToken, root: Authorization, looked: Standing
) -> dict[str, object]:
    """A refresh token is told as active, too: RFC 7662 §2.1 leaves that to us, and its client learns by it, without spending
    anything, whether the person must sign in again. It has no `token_type`, and nobody but its own client is told, so no resource
    server can take it for an access token (RFC 7662 §4).
    """
    return {
        **_told(context, root, looked, caller),
        "scope": " ".join(row.scopes),
        "aud": context.issuer,
        "exp": clock.epoch(row.expires_at),
        "iat": clock.epoch(row.created_at),
    }


def _told(context: Context, root: Authorization, stands: Standing, known_to: Client) -> dict[str, object]:
    """What both kinds say: the sign-in as it was, its strength as it is today (RFC 9470 §6.2)."""
    return {
        "active": True,
        "iss": context.issuer,
        "client_id": root.client_id,
        "sub": subjects.sub_for(context.keyring, known_to, root.subject_id),
        "acr": stands.acr,
        "amr": root.amr,
        "auth_time": root.auth_time,
    }
