"""RP-initiated logout without HTTP: whether the session may end at once, and where the browser goes afterwards."""

from dataclasses import dataclass

from sqlalchemy import Connection

from idp import audit, crypto
from idp.audit import Event
from idp.credentials import sessions
from idp.credentials.sessions import SignedIn
from idp.oidc import hints, subjects
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import BadRequestPage
from idp.oidc.parameters import Params, with_parameters


@dataclass(frozen=True, slots=True)
class Logout:
    """A request to sign out, checked."""

    client: Client | None
    location: str | None
    """Where the browser goes afterwards: a registered address with the client's `state`, or nowhere."""
    target: str | None
    """That address as it was registered, for the page's policy."""
    confirmed: bool
    """Whether a valid hint speaks for this browser's session, so that nobody needs to be asked (R157)."""


def check(context: Context, params: Params, signed_in: SignedIn | None) -> Logout:
    """Who asks for what. Raises `BadRequestPage` for a hint that is not ours or an address that is not registered (R158)."""
    if params.repeated:
        raise BadRequestPage("invalid_request", "a parameter came more than once")
    client, hinted = _hinted(context, params)
    if client is None and "client_id" in params:
        client = context.clients.find(params["client_id"]) if params["client_id"].isascii() else None
        if client is None:
            raise BadRequestPage("unknown_client", "no such client")
    target = params.get("post_logout_redirect_uri")
    location = None
    if target is not None:
        if client is None or target not in client.post_logout_redirect_uris:
            raise BadRequestPage("invalid_post_logout_redirect_uri", "not registered for this client")
        location = with_parameters(target, {"state": params["state"]}) if "state" in params else target
    confirmed = client is not None and hinted is not None and _speaks_for(context, client, hinted, signed_in)
    return Logout(client, location, target, confirmed)


def end(context: Context, logout: Logout, signed_in: SignedIn | None, *, confirmed_by_person: bool) -> None:
    """End the browser's session, and with it every token that does not outlive it."""
    if signed_in is None:
        return

    def finish(conn: Connection) -> None:
        sessions.end_session(conn, signed_in.session_id, actor=signed_in.account_id, why="signed_out")
        audit.record(
            conn,
            Event.CLIENT_LOGGED_OUT,
            actor=signed_in.account_id,
            subject=signed_in.person_id,
            client=logout.client.id if logout.client else None,
            session=signed_in.session_id,
            confirmed=confirmed_by_person,
        )

    context.db.write(finish)


def _hinted(context: Context, params: Params) -> tuple[Client | None, dict[str, object] | None]:
    """The client that the hint was issued to, and what it says. It may have expired (RP-Initiated Logout §2)."""
    if "id_token_hint" not in params:
        return None, None
    claims = hints.open_id_token(context.keys.now(), params["id_token_hint"], issuer=context.issuer)
    client = context.clients.find(claims["aud"]) if claims is not None else None
    if claims is None or client is None:
        raise BadRequestPage("invalid_id_token_hint", "not an ID token of ours")
    if params.get("client_id", client.id) != client.id:
        raise BadRequestPage("invalid_id_token_hint", "issued to another client")
    return client, dict(claims)


def _speaks_for(context: Context, client: Client, hinted: dict[str, object], signed_in: SignedIn | None) -> bool:
    """Whether the hint is of this browser's session, or the browser has none. Without `sid` the person must be the same."""
    if signed_in is None:
        return True
    sid = hinted.get("sid")
    if isinstance(sid, str):
        return crypto.same(sid, subjects.sid_for(context.keyring, client, signed_in.session_id))
    return crypto.same(str(hinted["sub"]), subjects.sub_for(context.keyring, client, signed_in.subject_id))
