"""What a token request gives: signed and ready, not yet written. RSA takes its time outside the write."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from idp import audit
from idp.audit import Event
from idp.oidc import access_jwts, id_tokens, targets, tokens
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import BadRequest
from idp.oidc.scopes import Scope
from idp.oidc.standing import Standing
from idp.oidc.tokens import Minted


@dataclass(frozen=True)
class Issue:
    """Tokens that are signed and not yet written, and the answer that carries them."""

    access: Minted
    refresh: Minted | None
    body: dict[str, object]


def issue(
    context: Context,
    client: Client,
    root: Authorization,
    stands: Standing,
    scopes: tuple[str, ...],
    *,
    resource: str | None,
    refresh: Minted | None,
    nonce: str | None,
) -> Issue:
    """Make everything that goes to the client. Raises `BadRequest` for a `resource` that it may not have a token for."""
    access, opens, life = _access(context, client, root, stands, scopes, resource)
    body: dict[str, object] = {
        "access_token": access.handle,
        "token_type": "Bearer",
        "expires_in": int(life.total_seconds()),
        "scope": " ".join(opens),
    }
    if refresh is not None:
        body["refresh_token"] = refresh.handle
    if Scope.OPENID in scopes:
        body["id_token"] = id_tokens.issue(
            context, client, root, stands, scopes, access_token=access.handle, nonce=nonce
        )
    return Issue(access, refresh, body)


def record(conn: Connection, root: Authorization, scopes: tuple[str, ...], *, grant_type: str) -> None:
    """Tell the log, in the write that keeps the tokens."""
    audit.record(
        conn,
        Event.TOKENS_ISSUED,
        actor=f"client:{root.client_id}",
        subject=root.subject_person_id,
        client=root.client_id,
        authorization=root.id,
        grant_type=grant_type,
        scopes=list(scopes),
    )


def _access(
    context: Context,
    client: Client,
    root: Authorization,
    stands: Standing,
    scopes: tuple[str, ...],
    resource: str | None,
) -> tuple[Minted, tuple[str, ...], timedelta]:
    """The access token, the scopes that it has, and how long it lives. A resource server gets the scopes that it knows."""
    target = targets.choose(context, client, root, resource)
    if target is None:
        return tokens.mint_access(root, scopes, audience=context.issuer), scopes, tokens.ACCESS_LIFE
    opens = tuple(scope for scope in scopes if scope in target.server.scopes)
    if not opens:
        raise BadRequest("invalid_scope", "the resource knows none of these scopes")
    return access_jwts.mint(context, root, stands, opens, target), opens, access_jwts.LIFE
