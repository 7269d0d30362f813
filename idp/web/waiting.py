"""The client that waits behind a page: who it is, and what it said about whom it expects. Here `web` introduces the two sides."""

from dataclasses import dataclass

from idp.oidc import clients, parked, redirect_uris
from idp.web import cookies
from idp.web.pages import services


@dataclass(frozen=True)
class Waiting:
    """What a page may know of a parked request."""

    client_name: str
    login_hint: str | None
    """What the client thinks the username is (OIDC Core §3.1.2.1); nobody has checked it."""
    wants_fresh: bool
    """Whether it asks for a sign-in of now, be it by the age that one may have."""
    origins: tuple[str, ...]
    """Where the forms of this page may end, since the answer to one may lead back to the client (R94)."""


def find_waiting(request_handle: str | None) -> Waiting | None:
    """The request that waits under this handle in this very browser, or None."""
    if request_handle is None:
        return None
    with services().db.read() as conn:
        found = parked.find_parked(conn, services().keyring, request_handle, browser=cookies.read(cookies.FLOW))
        client = clients.find_client(conn, found.asked.client_id) if found else None
    if found is None or client is None:
        return None
    asked = found.asked
    wants_fresh = asked.max_age is not None or bool({"login", "create", "select_account"} & {*asked.prompts})
    return Waiting(client.name, asked.login_hint, wants_fresh, (redirect_uris.form_target(asked.redirect_uri),))
