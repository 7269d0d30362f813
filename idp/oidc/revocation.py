"""Revocation: a client gives back a token that it no longer needs (RFC 7009).

A refresh token takes its whole authorization with it, the access tokens too (§2.1 SHOULD). An access token takes only itself: §2.1
leaves that open, and a client that is done with one may well go on with its refresh token.
"""

from sqlalchemy import Connection

from idp import audit
from idp.audit import Event
from idp.oidc import access_jwts, authorizations, client_auth, hints, introspection, tokens
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import MachineAnswer
from idp.oidc.parameters import Params
from idp.oidc.tokens import AccessToken

METHODS = client_auth.METHODS
"""Public clients too: they name themselves, and hold the token (RFC 7009 §2.1)."""

_DONE = MachineAnswer(200, {}, client_auth.NO_STORE)


def answer(context: Context, form: Params, authorization: str | None) -> MachineAnswer:
    """Revoke one token. What is no token, or no longer one, is as revoked as can be: 200 (RFC 7009 §2.2). A storage that cannot be
    written raises `db.Unavailable`, which is answered by 503 and never by 200 (R148).
    """
    client = client_auth.client_or_answer(context, authorization, form, methods=METHODS)
    if isinstance(client, MachineAnswer):
        return client
    if "token" not in form:
        return client_auth.bad_request("invalid_request", "token is missing")
    token = form["token"]
    if hints.open_id_token(context.keys.now(), token, issuer=context.issuer) is not None:
        # RFC 7009 §2.2.1: an ID token is a statement about the past, and cannot be taken back.
        return client_auth.bad_request("unsupported_token_type", "ID tokens cannot be revoked")
    looked_for = access_jwts.look_for(context, token)
    with context.db.read() as conn:
        access = introspection.find_access(conn, looked_for)
        refresh = tokens.find_refresh(conn, token)
    found = access or refresh
    if found is None:
        return _DONE
    if found[0].client_id != client.id:
        return client_auth.bad_request("invalid_grant", "the token was issued to another client")
    if access is not None:
        context.db.write(lambda conn: _give_back(conn, client, *access))
    else:
        actor = f"client:{client.id}"
        context.db.write(lambda conn: authorizations.revoke(conn, found[1], actor=actor, why="revoked_by_client"))
    return _DONE


def _give_back(conn: Connection, client: Client, token: AccessToken, root: Authorization) -> None:
    if tokens.drop_access(conn, token):
        audit.record(
            conn,
            Event.TOKEN_REVOKED,
            actor=f"client:{client.id}",
            subject=root.subject_person_id,
            client=client.id,
            authorization=root.id,
        )
