"""Whether an authorization still stands, and what its sign-in may show today: asked at every issue and every use of a token."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import ACR_PREMIUM, Level, acr_of, effective_level
from idp.credentials import sessions
from idp.oidc import prompts
from idp.oidc.authorizations import Authorization
from idp.oidc.scopes import Scope

_PREMIUM_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true now: never more than at the sign-in."""

    level: Level
    acr: str

    def is_below(self, min_acr: str | None) -> bool:
        """Whether it is too little for a client that is registered with this minimum."""
        return min_acr is not None and not prompts.meets(self.acr, min_acr)


def is_offline(authorization: Authorization) -> bool:
    """Whether it outlives its session (OIDC Core §11)."""
    return Scope.OFFLINE_ACCESS in authorization.scopes


def find_standing(conn: Connection, authorization: Authorization) -> Standing | None:
    """What the authorization may show now; None when it is revoked, its session over, or its account not active (R87, R150).

    What has fallen may not rise again in one chain. A refresh remembers that (`authorizations.lower`), since it is where a chain
    gets new tokens and writes anyway; userinfo and introspection only read, and an access token is over in minutes. Nothing is
    remembered where the level itself falls, in `proofing`, which knows no clients.
    """
    if authorization.revoked_at is not None:
        return None
    if is_offline(authorization):
        account = accounts.find_account(conn, authorization.acting_account_id)
        if account is None or account.state != State.ACTIVE.value:
            return None
        if account.granted_from is not None and authorization.created_at <= account.granted_from:
            return None
        account_level = Level(account.level)
    else:
        live = sessions.find_account_of(conn, authorization.session_id)
        if live is None or live.account_id != authorization.acting_account_id:
            return None
        account_level = live.level
    present = acr_of(account_level, authorization.aal, tuple(authorization.amr))
    return Standing(
        level=min(effective_level(account_level, authorization.aal), Level(authorization.level)),
        acr=prompts.lower_of(present, authorization.acr),
    )


def is_too_old(authorization: Authorization, min_acr: str | None) -> bool:
    """Whether it shows or needs Premium on a sign-in of over twelve hours ago: such access asks for a new sign-in."""
    premium = authorization.level == Level.PREMIUM or (min_acr is not None and prompts.meets(min_acr, ACR_PREMIUM))
    return premium and clock.epoch(clock.now()) - authorization.auth_time > _PREMIUM_FOR.total_seconds()
