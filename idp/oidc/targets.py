"""For whom an access token is: our own endpoints, or one resource server that the request named (RFC 8707)."""

from idp.oidc import resources
from idp.oidc.authorizations import Authorization
from idp.oidc.context import Context
from idp.oidc.errors import BadRequest
from idp.oidc.resources import Known

ERROR = "invalid_target"


def check_requested(context: Context, named: tuple[str, ...]) -> None:
    """Every resource that a request names is registered, and there are not too many (RFC 8707 §2). Raises `BadRequest`."""
    if len(named) > resources.MOST:
        raise BadRequest(ERROR, "too many resources")
    for identifier in named:
        if identifier != context.issuer and context.resources.find(identifier) is None:
            raise BadRequest(ERROR, "there is no such resource")


def choose(context: Context, authorization: Authorization, named: str | None) -> Known | None:
    """Whose token a token request asks for (RFC 8707 §2.2); None stands for our own endpoints, which are always allowed and may be
    named by our issuer. Where none is named, the one that the authorization request named is meant. Raises `BadRequest`.
    """
    granted = authorization.resources
    if named is None and len(granted) > 1:
        raise BadRequest(ERROR, "name one of the resources that were asked for")
    wanted = named if named is not None else next(iter(granted), context.issuer)
    if wanted == context.issuer:
        return None
    if wanted not in granted or (found := context.resources.find(wanted)) is None:
        raise BadRequest(ERROR, "this resource was not asked for, or is gone")
    return found
