"""For whom an access token is: our own endpoints, or one resource server that the request named (RFC 8707)."""

from idp.oidc import resources
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import BadRequest
from idp.oidc.resources import Known

ERROR = "invalid_target"


def check_requested(context: Context, client: Client, named: tuple[str, ...]) -> None:
    """Every resource that a request names is one that this client may have tokens for, and there are not too many (RFC 8707 §2).
    The registration is asked first: what is not in it is not looked for. Raises `BadRequest`.
    """
    if len(named) > resources.MOST:
        raise BadRequest(ERROR, "too many resources")
    for identifier in named:
        if identifier != context.issuer and _find(context, client, identifier) is None:
            raise BadRequest(ERROR, "there is no such resource for this client")


def names(context: Context, named: tuple[str, ...]) -> list[str]:
    """What the resource servers of a request are called, for the person who is asked about them."""
    found = (context.resources.find(identifier) for identifier in named if identifier != context.issuer)
    return [known.server.name for known in found if known is not None]


def choose(context: Context, client: Client, authorization: Authorization, named: str | None) -> Known | None:
    """Whose token a token request asks for (RFC 8707 §2.2); None stands for our own endpoints, which are always allowed and may be
    named by our issuer. Where none is named, the one that the authorization request named is meant. Raises `BadRequest`.
    """
    granted = authorization.resources
    if named is None and len(granted) > 1:
        raise BadRequest(ERROR, "name one of the resources that were asked for")
    wanted = named if named is not None else next(iter(granted), context.issuer)
    if wanted == context.issuer:
        return None
    # The registration may have changed since it was asked for.
    if wanted not in granted or (found := _find(context, client, wanted)) is None:
        raise BadRequest(ERROR, "this resource was not asked for, or is gone")
    return found


def _find(context: Context, client: Client, identifier: str) -> Known | None:
    """The resource server, if this client is registered for it, perhaps since a moment ago."""
    if identifier not in client.resources:
        now = context.clients.find(client.id, fresh=True)
        if now is None or identifier not in now.resources:
            return None
    return context.resources.find(identifier)
