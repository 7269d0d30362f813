"""All of OpenID Connect: sending a person to the provider, checking what comes back, signing out (OIDC Core §3.1).

Authlib's client makes state, nonce and the PKCE verifier, redeems the code and checks the ID token's signature and
times. What it leaves to its user is checked here, each with the paragraph that asks for it.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, request, session
from joserfc.errors import JoseError

from portal.gate import HOME, PREMIUM_ACRS, Level, level_of
from portal.settings import Settings

log = logging.getLogger(__name__)

SCOPE = "openid dslogon email profile"
PATIENCE = 10.0
CLOCK_SKEW = 30
# What "Upgrade" asks beside a sign-in: Premium or nothing. Unlike `acr_values`, this the provider may not answer with less
# (OIDC Core §5.5.1.1).
PREMIUM_OR_NOTHING = json.dumps({"id_token": {"acr": {"essential": True, "values": PREMIUM_ACRS}}})
# A level is as fresh as the access token that came with it. No token may make it fresh for longer than this.
FRESH_AT_MOST = 15 * 60
# Signatures that only the provider can make. A symmetric one could be made by any portal that knows the secret.
ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
# Sign-ins that one browser may have begun and not finished: one per tab, and a few more.
MOST_UNFINISHED = 8


class SignInFailed(Exception):
    """Nobody was signed in by this, and whoever was so before still is. `code` chooses the page's words (`portal.words`),
    `wanted` is where to try again, and `upgrading` tells what was tried.
    """

    def __init__(self, code: str, wanted: str = HOME, *, upgrading: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.wanted = wanted
        self.upgrading = upgrading


@dataclass(frozen=True)
class Person:
    """Who signed in, as two validated answers say it: the ID token (signed) and userinfo (for name and e-mail)."""

    claims: Mapping[str, Any]
    details: Mapping[str, Any]
    id_token: str = field(repr=False)
    fresh_until: float

    @property
    def level(self) -> Level:
        """From the ID token alone. Of the access token nothing is kept: it has done its work."""
        return level_of(self.claims)

    @property
    def is_fresh(self) -> bool:
        return time.time() < self.fresh_until

    @property
    def name(self) -> str | None:
        """What to call the person. A Basic account may have told nothing to be called by."""
        return self._first_of("given_name", "name", "nickname", "preferred_username")

    @property
    def label(self) -> str:
        return self.name or self._first_of("email") or "Profile"

    def _first_of(self, *sources: str) -> str | None:
        values = (self.details.get(source) for source in sources)
        return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


class Provider:
    """The one provider of this portal. Nothing is fetched before the first person wants to sign in."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._settings = settings
        oauth = OAuth(app)
        oauth.register(
            "guidon",
            client_cls=_client_class(settings),
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "default_timeout": PATIENCE},
        )
        self._client = oauth.create_client("guidon")

    def sign_in_url(self, wanted: str) -> str:
        """Where to send the person; `wanted` is the page of ours to come back to, already checked."""
        return self._begin(wanted, upgrading=False)

    def upgrade_url(self, wanted: str) -> str:
        """The same for somebody whom only Premium helps: the provider leads them through the upgrade, and brings them back here."""
        return self._begin(wanted, upgrading=True)

    def finish_sign_in(self) -> tuple[Person, str]:
        """Check the answer in the present request; give the person and the page wanted, or raise `SignInFailed`."""
        begun = self._client.framework.get_state_data(session, request.args.get("state"))
        if begun is None:
            # Either the session ran out, or the answer belongs to another browser (RFC 6749 §10.12).
            raise SignInFailed("mismatching_state")
        wanted = str(begun["wanted"])
        metadata = self._discover(wanted)
        self._check_sender(metadata, wanted)
        if "error" in request.args:
            self._client.framework.clear_state_data(session, request.args["state"])
            raise SignInFailed(request.args["error"], wanted, upgrading=bool(begun.get("upgrading")))
        if not request.args.get("code"):
            raise SignInFailed("bad_answer", wanted)
        try:
            token = self._client.authorize_access_token(
                leeway=CLOCK_SKEW,
                # Authlib compares `iss` with discovery, and `aud` with nothing (OIDC Core §3.1.3.7, points 2 and 3).
                claims_options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
            )
            claims = token["userinfo"]
            details = self._client.userinfo(token=token)
        except MismatchingStateError:
            raise SignInFailed("mismatching_state", wanted) from None
        except OSError as fault:
            # Every fault of the transport (requests.RequestException) is one, a refused connection and a 500 alike.
            raise _failed("provider_down", wanted, fault) from fault
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError) as fault:
            raise _failed("bad_answer", wanted, fault) from fault
        if details.get("sub") != claims["sub"]:
            # An answer for somebody else's access token (OIDC Core §5.3.2).
            raise SignInFailed("bad_answer", wanted)
        return Person(
            claims=dict(claims),
            details=dict(details),
            id_token=str(token["id_token"]),
            fresh_until=time.time() + _fresh_for(token.get("expires_in")),
        ), wanted

    def sign_out_url(self, person: Person) -> str | None:
        """Where the provider ends its session too (RP-Initiated Logout §2), or None while it does not answer."""
        try:
            self._discover(HOME)
            response = self._client.logout_redirect(
                post_logout_redirect_uri=self._settings.signed_out, id_token_hint=person.id_token
            )
        except (SignInFailed, RuntimeError) as fault:
            log.warning("the provider's session stays: %s", type(fault).__name__)
            return None
        return str(response.location)

    def came_from_sign_out(self) -> bool:
        """Whether the present request brings the state that our own sign-out sent along."""
        try:
            self._client.validate_logout_response()
        except AuthlibBaseError:
            return False
        return True

    def _begin(self, wanted: str, *, upgrading: bool) -> str:
        self._discover(wanted)
        more = {"claims": PREMIUM_OR_NOTHING} if upgrading else {}
        begun = self._client.create_authorization_url(self._settings.callback, **more)
        _forget_oldest_unfinished()
        kept = {"redirect_uri": self._settings.callback, "wanted": wanted, "upgrading": upgrading}
        self._client.save_authorize_data(**kept, **begun)
        return str(begun["url"])

    def _discover(self, wanted: str) -> dict[str, Any]:
        try:
            metadata: dict[str, Any] = self._client.load_server_metadata()
        except OSError as fault:
            raise _failed("provider_down", wanted, fault) from fault
        except (ValueError, TypeError) as fault:
            raise _failed("bad_answer", wanted, fault) from fault
        if metadata.get("issuer") != self._settings.issuer or not _complete(metadata):
            # OIDC Discovery §4.3. Not kept, or a slip that is mended would stay until the portal restarts.
            metadata.clear()
            log.error("the discovery document is not that of PORTAL_ISSUER")
            raise SignInFailed("bad_answer", wanted)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS]
        return metadata

    def _check_sender(self, metadata: Mapping[str, Any], wanted: str) -> None:
        # Whoever sent the person back must be whom we sent them to (RFC 9207 §2.4).
        announced = metadata.get("authorization_response_iss_parameter_supported") is True
        sender = request.args.get("iss")
        if sender != self._settings.issuer and (announced or sender is not None):
            self._client.framework.clear_state_data(session, request.args["state"])
            raise SignInFailed("mismatching_state", wanted)


def _client_class(settings: Settings) -> type[FlaskOAuth2App]:
    class Transport(OAuth2Session):  # type: ignore[misc]  # Authlib carries no types
        def __init__(self, **keywords: Any) -> None:
            super().__init__(**keywords)
            # A proxy of the environment does not reach the localhost of this machine.
            self.trust_env = not settings.issuer_is_local
            if settings.ca_file is not None:
                self.verify = str(settings.ca_file)

    class Client(FlaskOAuth2App):  # type: ignore[misc]
        client_cls = Transport

    return Client


def _complete(metadata: Mapping[str, Any]) -> bool:
    return all(
        isinstance(metadata.get(key), str) and urlsplit(metadata[key]).scheme in {"http", "https"}
        for key in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    )


def _forget_oldest_unfinished() -> None:
    # Without a limit one browser could fill the memory by asking for the sign-in page again and again.
    unfinished = [key for key in session if key.startswith("_state_")]
    for key in unfinished[: -MOST_UNFINISHED + 1]:
        session.pop(key)


def _fresh_for(expires_in: object) -> float:
    # `expires_in` is only recommended (RFC 6749 §5.1).
    life = float(expires_in) if isinstance(expires_in, int | float) else FRESH_AT_MOST
    # Less than a minute would send the person to the provider and back without end.
    return min(max(life, 60), FRESH_AT_MOST)


def _failed(code: str, wanted: str, fault: Exception) -> SignInFailed:
    # The kind of fault and, of OAuth's own, its code. Never the text: that of a transport may quote what was sent.
    log.warning("sign-in failed: %s (%s %s)", code, type(fault).__name__, getattr(fault, "error", ""))
    return SignInFailed(code, wanted)
