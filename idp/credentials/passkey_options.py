"""What a browser is told to ask of its authenticators (WebAuthn Level 3 §5.4, §5.5), with a challenge for one answer."""

from typing import Any

import webauthn
from sqlalchemy import Connection
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idp.accounts.accounts import Account
from idp.credentials import ceremonies, passkeys
from idp.credentials.ceremonies import Ceremony, Site
from idp.credentials.passkeys import Passkey

NAME = "Guidon"
_MILLISECONDS = int(ceremonies.LASTS.total_seconds() * 1000)


def to_add(conn: Connection, site: Site, holder: str, account: Account) -> dict[str, Any]:
    """For a new passkey of the account; one that it has on the same authenticator is not made twice.

    One that can be found without a name is wished for, and that its user is made sure of; a key that can do neither is
    still a second factor.
    """
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=NAME,
        user_id=account.id.encode("ascii"),
        user_name=account.username,
        user_display_name=account.username,
        challenge=ceremonies.issue(conn, Ceremony.REGISTER, holder),
        timeout=_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_described(passkeys.list_rows(conn, account.id)),
        supported_pub_key_algs=list(ceremonies.ALGORITHMS),
    )
    return options_to_json_dict(options)


def to_sign_in(conn: Connection, site: Site, holder: str) -> dict[str, Any]:
    """For a sign-in with a passkey alone. No account is named, so nothing is told of any (R25); its user is made sure of."""
    return _to_answer(conn, site, Ceremony.SIGN_IN, holder, [], UserVerificationRequirement.REQUIRED)


def to_second_step(conn: Connection, site: Site, holder: str, account_id: str, *, verified: bool) -> dict[str, Any]:
    """For a second step of this account, whose password was right or who is signed in. `verified` asks that the user is made
    sure of, which only then makes the sign-in one that cannot be phished.
    """
    wish = UserVerificationRequirement.REQUIRED if verified else UserVerificationRequirement.PREFERRED
    rows = [row for row in passkeys.list_rows(conn, account_id) if row.disabled_at is None]
    usable = [row for row in rows if row.user_verified or not verified]
    return _to_answer(conn, site, Ceremony.SECOND_STEP, holder, usable, wish)


def _to_answer(
    conn: Connection,
    site: Site,
    ceremony: Ceremony,
    holder: str,
    allowed: list[Passkey],
    wish: UserVerificationRequirement,
) -> dict[str, Any]:
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=ceremonies.issue(conn, ceremony, holder),
        timeout=_MILLISECONDS,
        allow_credentials=_described(allowed),
        user_verification=wish,
    )
    return options_to_json_dict(options)


def _described(rows: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=ceremonies.from_b64url(row.credential_id),
            transports=[AuthenticatorTransport(word) for word in row.transports],
        )
        for row in rows
    ]
