"""Userinfo: the claims that an access token opens, as they are now (OIDC Core §5.3)."""

from idp.oidc import claims, facts, standing, subjects, tokens
from idp.oidc.context import Context
from idp.oidc.errors import MachineAnswer
from idp.oidc.parameters import Params
from idp.oidc.scopes import Scope

_NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_REALM = 'Bearer realm="userinfo"'


def answer(context: Context, authorization: str | None, form: Params | None) -> MachineAnswer:
    """Answer with the claims, or with the challenge of RFC 6750 §3. `form` is a POST's body.

    Raises `PortDown` where a claim is DEERS's to tell and DEERS does not answer: half an answer would read as "no such thing".
    """
    shown = []
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            shown.append(token.strip())
    if form is not None and "access_token" in form.repeated:
        return _refused(400, "invalid_request", "access_token came more than once")
    if form is not None and "access_token" in form:
        shown.append(form["access_token"])
    if not shown:
        # RFC 6750 §3.1: without any authentication the answer names the scheme and no error.
        return MachineAnswer(401, {}, (("WWW-Authenticate", _REALM), *_NO_STORE))
    if len(shown) > 1:
        return _refused(400, "invalid_request", "more than one way of sending the token")
    return _told(context, shown[0])


def unreadable() -> MachineAnswer:
    """The answer to a request that is not one form without URL parameters; it names the scheme too (RFC 6750 §3)."""
    return _refused(400, "invalid_request", "the request is not one form without URL parameters")


def _told(context: Context, handle: str) -> MachineAnswer:
    with context.db.read() as conn:
        found = tokens.find_access(conn, handle)
        stands = standing.find_standing(conn, found[1]) if found else None
    # Not before the read has ended: a second one inside it could wait for a connection that nobody gives back.
    client = context.clients.find(found[0].client_id) if found else None
    if found is None or stands is None or client is None or found[0].audience != context.issuer:
        return _refused(401, "invalid_token", "the token is wrong, expired or revoked")
    token, root = found
    if Scope.OPENID not in token.scopes:
        return _refused(403, "insufficient_scope", "the token lacks the scope openid")
    scopes = claims.effective_scopes(tuple(token.scopes), assurance_claims=client.assurance_claims)
    named = claims.still_named(client, root.named_claims("userinfo"), granted=root.scopes, scopes=token.scopes)
    wanted = claims.rows(stands.level, scopes, named, id_token=False)
    who = facts.Who(root.acting_account_id, root.subject_person_id, stands.level, root.aal)
    known = facts.gather(context, client, who, wanted)
    sub = subjects.sub_for(context.keyring, client, root.subject_id)
    return MachineAnswer(200, {**claims.release(known, wanted), "sub": sub}, _NO_STORE)


def _refused(status: int, error: str, description: str) -> MachineAnswer:
    challenge = f'{_REALM}, error="{error}", error_description="{description}"'
    body: dict[str, object] = {"error": error, "error_description": description}
    return MachineAnswer(status, body, (("WWW-Authenticate", challenge), *_NO_STORE))
