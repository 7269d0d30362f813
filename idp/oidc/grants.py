"""The token endpoint, on Authlib's framework-free classes: the only module that knows Authlib, and adds what it leaves out.

Authlib saves tokens before it spends the code, merges the URL into the form, lets PKCE be left out and logs whole tokens at DEBUG.
So here each request is a form that was read strictly, everything is checked and signed first, and one write then spends and issues:
whoever loses the race gets nothing, and what the winner got is revoked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from sqlalchemy import Connection

from idp import audit, clock, logs
from idp.audit import Event
from idp.oidc import authorizations, client_auth, issuing, paths, pkce, refreshing, standing, targets, tokens
from idp.oidc.authorizations import Authorization, AuthorizationCode
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import BadRequest, MachineAnswer
from idp.oidc.issuing import Issue
from idp.oidc.parameters import Params
from idp.oidc.standing import Standing
from idp.oidc.tokens import Minted, RefreshToken

log = logs.get(__name__)


class _InvalidClientError(OAuth2Error):  # type: ignore[misc]  # Authlib carries no types
    """One text and one status for every failure. A 401 names the scheme it wants (RFC 9110 §15.5.2, RFC 6749 §5.2)."""

    error = "invalid_client"
    status_code = 401
    description = client_auth.NOT_PROVEN

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), client_auth.CHALLENGE]


class _UnsupportedGrantError(OAuth2Error):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's own quotes what was sent; this says nothing of it."""

    error = "unsupported_grant_type"
    description = "this grant_type is not supported"


class _InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib carries no types
    """RFC 8707 §2."""

    error = targets.ERROR


class TokenRequest(OAuth2Request):  # type: ignore[misc]  # Authlib carries no types
    """A token request as Authlib wants to see it: made of the form alone, never of the URL (RFC 6749 §3.2)."""

    def __init__(self, uri: str, form: Params, authorization: str | None) -> None:
        super().__init__("POST", uri)
        self.params = form
        self.authorization = authorization
        self.payload = BasicOAuth2Payload(form.as_dict())

    @property
    def form(self) -> Params:
        """What Authlib's grants read their own parameters from."""
        return self.params


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's dispatcher, with our clients, our errors and our two grants."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def answer(self, form: Params, authorization: str | None) -> MachineAnswer:
        """Answer one token request. Everything but a fault comes back as an answer."""
        answered: MachineAnswer = self.create_token_response(
            TokenRequest(self.context.issuer + paths.TOKEN, form, authorization)
        )
        return answered

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def get_token_grant(self, request: TokenRequest) -> Any:
        """The grant that is asked for. What came twice is refused before anything is read (RFC 6749 §3.2)."""
        for grant in GRANTS:
            if request.payload.grant_type == grant.GRANT_TYPE and not request.params.repeated:
                return grant(request, self)
        return _Refusal(request)

    def authenticate_client(self, request: TokenRequest, methods: list[str], endpoint: str = "token") -> Client:
        """Our own proof of who asks; Authlib's tries one method after another until one fits."""
        del methods, endpoint
        try:
            return client_auth.authenticate(self.context, request.authorization, request.params)
        except client_auth.TwoProofs:
            raise InvalidRequestError(client_auth.TWO_PROOFS) from None
        except client_auth.NotProven as failed:
            log.info("client not authenticated", detail=failed.detail)
            raise _InvalidClientError from None

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: dict[str, object], headers: list[tuple[str, str]]) -> MachineAnswer:
        return MachineAnswer(
            status, body, tuple(header for header in headers if header[0] == "WWW-Authenticate") + client_auth.NO_STORE
        )


class _Refusal:
    """Stands in for the grant where there is none, so that Authlib answers it like any error."""

    def __init__(self, request: TokenRequest) -> None:
        self.request = request

    def validate_token_request(self) -> None:
        if self.request.params.repeated == {"resource"}:
            raise _InvalidTargetError("a token is for one resource")
        if self.request.params.repeated:
            raise InvalidRequestError("a parameter came more than once")
        if self.request.payload.grant_type is None:
            raise InvalidRequestError("grant_type is missing")
        raise _UnsupportedGrantError


class _Issuing:
    """What both grants do: look again whether the sign-in stands, sign, and refuse with a trace."""

    server: TokenServer
    request: TokenRequest
    GRANT_TYPE: ClassVar[str]

    @property
    def context(self) -> Context:
        return self.server.context

    def issue(
        self,
        root: Authorization,
        stands: Standing,
        scopes: tuple[str, ...],
        *,
        refresh: Minted | None,
        nonce: str | None,
    ) -> Issue:
        """Make everything that goes to the client."""
        resource = self.request.params.get("resource")
        try:
            return issuing.issue(
                self.context, self.request.client, root, stands, scopes, resource=resource, refresh=refresh, nonce=nonce
            )
        except BadRequest as wrong:
            known = {targets.ERROR: _InvalidTargetError, "invalid_scope": InvalidScopeError}
            raise known[wrong.error](wrong.description) from None

    def record(self, conn: Connection, root: Authorization, scopes: tuple[str, ...]) -> None:
        issuing.record(conn, root, scopes, grant_type=self.GRANT_TYPE)

    def refuse(
        self, detail: str, root: Authorization | None = None, *, first: Callable[[Connection], object] | None = None
    ) -> InvalidGrantError:
        """The error to raise, once the log knows why; `first` is done in the same write."""
        client: Client = self.request.client

        def note(conn: Connection) -> None:
            if first is not None:
                first(conn)
            audit.record(
                conn,
                Event.TOKEN_REFUSED,
                actor=f"client:{client.id}",
                subject=root.subject_person_id if root else None,
                client=client.id,
                error="invalid_grant",
                detail=detail,
            )

        self.context.db.write(note)
        return InvalidGrantError("the code or token is wrong, expired, used or revoked")

    def revoke(self, root: Authorization, why: str) -> Callable[[Connection], object]:
        actor = f"client:{self.request.client.id}"
        return lambda conn: authorizations.revoke(conn, root, actor=actor, why=why)


@dataclass(frozen=True)
class _Code:
    """A code that may be redeemed, by the methods that Authlib asks of it."""

    row: AuthorizationCode
    root: Authorization
    stands: Standing

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri


class CodeGrant(_Issuing, grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib carries no types
    """RFC 6749 §4.1.3 with PKCE. Whoever shows a code without all that belongs to it burns it (R113)."""

    GRANT_TYPE = "authorization_code"
    _found: _Code | None = None
    """Set once the code is one that this client may redeem: what fails from there on burns it."""

    def validate_token_request(self) -> None:
        """Authlib's order (client, grant, code, redirect URI), then PKCE."""
        try:
            super().validate_token_request()
        except InvalidGrantError as wrong:
            raise wrong if self._found is None else self._burnt(self._found, "redirect_uri differs") from None
        code: _Code = self.request.authorization_code
        if not pkce.fits(self.request.params.get("code_verifier"), code.row.code_challenge):
            raise self._burnt(code, "code_verifier missing or wrong")

    def authenticate_token_endpoint_client(self) -> Client:
        """As Authlib's, and kept at once, since a refused code must name the client in the log."""
        client: Client = super().authenticate_token_endpoint_client()
        self.request.client = client
        return client

    def query_authorization_code(self, code: str, client: Client) -> _Code:
        """The code, if it may still be redeemed by this client. Raises in every other case, having done what the case asks."""
        with self.context.db.read() as conn:
            found = authorizations.find_code(conn, code)
            stands = standing.find_standing(conn, found[1]) if found else None
        if found is None:
            raise self.refuse("no such code")
        row, root = found
        if row.consumed_at is not None:
            raise self.refuse("code replayed", root, first=self.revoke(root, "code_replayed"))  # RFC 6749 §4.1.2
        if row.client_id != client.id:
            raise self.refuse(
                "another client's code", root, first=lambda conn: authorizations.claim_code(conn, row.digest)
            )
        if row.expires_at <= clock.now():
            raise self.refuse("code expired", root)
        if stands is None:
            raise self.refuse("the sign-in is over", root)
        if stands.is_below(client.min_acr):
            raise self.refuse("below the client's minimum acr", root)
        self._found = _Code(row, root, stands)
        return self._found

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Spend the code and write the tokens in one go; a loser of the race revokes what the winner got (R111, R112)."""
        code: _Code = self.request.authorization_code
        client: Client = self.request.client
        root = code.root
        scopes = tuple(root.scopes)
        refresh = tokens.mint_refresh(root) if client.check_grant_type(RefreshGrant.GRANT_TYPE) else None
        issued = self.issue(root, code.stands, scopes, refresh=refresh, nonce=root.nonce)

        def redeem(conn: Connection) -> bool:
            if not authorizations.claim_code(conn, code.row.digest):
                return False
            tokens.keep_access(conn, issued.access)
            if issued.refresh is not None:
                tokens.keep_refresh(conn, issued.refresh)
            self.record(conn, root, scopes)
            return True

        if not self.context.db.write(redeem):
            raise self.refuse("code replayed", root, first=self.revoke(root, "code_replayed"))
        return 200, issued.body, []

    def _burnt(self, code: _Code, detail: str) -> InvalidGrantError:
        def burn(conn: Connection) -> None:
            if not authorizations.claim_code(conn, code.row.digest):
                self.revoke(code.root, "code_replayed")(conn)

        return self.refuse(detail, code.root, first=burn)


@dataclass(frozen=True)
class _Refresh:
    """A refresh token that may be used, by the methods that Authlib asks of it."""

    handle: str
    row: RefreshToken
    root: Authorization
    stands: Standing

    def check_client(self, client: Client) -> bool:
        return self.row.client_id == client.id

    def get_scope(self) -> str:
        return " ".join(self.row.scopes)


class RefreshGrant(_Issuing, grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib carries no types
    """RFC 6749 §6. A public client's token rotates, and reuse kills the chain (RFC 9700 §4.14.2); any other's stays."""

    GRANT_TYPE = "refresh_token"

    def authenticate_refresh_token(self, handle: str) -> _Refresh:
        """The token, if this client may use it now. Raises in every other case."""
        client: Client = self.request.client
        with self.context.db.read() as conn:
            found = tokens.find_refresh(conn, handle)
            looked = refreshing.look(conn, client, *found, issuer=self.context.issuer) if found else None
        if found is None or looked is None:
            raise self.refuse("no such refresh token")
        row, root = found
        if row.client_id != client.id:
            raise self.refuse("another client's refresh token", root)
        if row.consumed_at is not None and clock.now() - row.consumed_at > tokens.RETRY_WITHIN:
            raise self.refuse("refresh token reused", root, first=self.revoke(root, "refresh_reused"))
        if isinstance(looked, str):
            raise self.refuse(looked, root)
        return _Refresh(handle, row, root, looked)

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Spend or keep the token and write what it gives, in one go."""
        shown: _Refresh = self.request.refresh_token
        client: Client = self.request.client
        root, stands = shown.root, shown.stands
        asked = self.request.params.get("scope")
        scopes = tuple(scope for scope in shown.row.scopes if asked is None or scope in asked.split())
        if not scopes:
            raise InvalidScopeError
        child = tokens.mint_child(self.context.keyring, root, shown.handle) if client.is_public else None
        issued = self.issue(root, stands, scopes, refresh=child, nonce=None)

        def renew(conn: Connection) -> bool:
            if child is None:
                if not tokens.use_refresh(conn, shown.row, root):
                    return False
            elif tokens.claim_refresh(conn, shown.row):
                tokens.keep_refresh(conn, child)
            elif not tokens.may_retry(conn, shown.row, child):
                return False
            tokens.keep_access(conn, issued.access)
            if (int(stands.level), stands.acr) != (root.level, root.acr):
                authorizations.lower(conn, root.id, level=int(stands.level), acr=stands.acr)
            self.record(conn, root, scopes)
            return True

        if not self.context.db.write(renew):
            raise self.refuse("refresh token reused", root, first=self.revoke(root, "refresh_reused"))
        return 200, issued.body, []


GRANTS = (CodeGrant, RefreshGrant)

GRANT_TYPES = tuple(grant.GRANT_TYPE for grant in GRANTS)
