"""Many real processes want the same thing at once; one gets it (R112, R138). On both databases."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from idp.config import Settings
from idp.oidc.authorizations import AuthorizationCode
from idp.oidc.context import open_context
from idp.oidc.grants import TokenServer
from idp.oidc.parameters import Params
from idp.oidc.tokens import AccessToken, RefreshToken
from idp.services import create_services
from tests.http_browser import Browser
from tests.races import Ready, together
from tests.relying_party import RelyingParty, basic, public
from tests.world import World

pytestmark = pytest.mark.races

_PROCESSES = 4
_TRIES = 10  # a process


def _attack(
    ready: Ready, database_url: str, keys: Path, form: dict[str, str], authorization: str | None
) -> list[tuple[int, str]]:
    """The same token request again and again, begun with all the others; statuses with the refresh token or error that came
    with each.
    """
    settings = Settings.model_validate(
        {
            "issuer": "http://localhost:5000",
            "database_url": database_url,
            "keys": keys,
            "demo": True,
            "smtp_url": "smtp://localhost:2525",
        }
    )
    services = create_services(settings)
    server = TokenServer(open_context(services))
    server.context.keys.now()
    ready()
    seen = []
    for _ in range(_TRIES):
        answer = server.answer(Params(form), authorization)
        seen.append((answer.status, str(answer.body.get("refresh_token") or answer.body.get("error") or "")))
    services.db.close()
    return seen


def _storm(world: World, form: dict[str, str], authorization: str | None) -> list[tuple[int, str]]:
    given = (world.settings.database_url, world.settings.keys, form, authorization)
    return [seen for each in together(_attack, [given] * _PROCESSES) for seen in each]


def _count(world: World, what: type[Any], *where: sa.ColumnElement[bool]) -> int:
    with world.services.db.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(what).where(*where)).scalar_one()


def test_a_code_is_redeemed_once_by_any_number_of_processes(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.2, R112: exactly one answer has tokens, and they are revoked by the other tries."""
    code = rp.code(browser)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": rp.redirect_uri,
        "code_verifier": rp.verifier,
    }
    seen = _storm(world, form, basic(rp.client.id, rp.secret or ""))
    assert [status for status, _ in seen].count(200) == 1
    assert {told for status, told in seen if status != 200} == {"invalid_grant"}
    assert _count(world, AccessToken) == 1
    assert _count(world, RefreshToken) == 1
    assert _count(world, AuthorizationCode, AuthorizationCode.consumed_at.is_not(None)) == 1
    assert len(world.events("tokens.issued")) == 1
    assert len(world.events("authorization.revoked")) == 1


def test_a_rotating_refresh_token_has_one_child(world: World, browser: Browser) -> None:
    """R138, R139: the tries are retries of one another, so all get the same child and no chain forks."""
    spa = public(world)
    tokens = spa.tokens(browser)
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, "client_id": spa.client.id}
    seen = _storm(world, form, None)
    assert {status for status, _ in seen} == {200}
    assert len({told for _, told in seen}) == 1
    assert _count(world, RefreshToken) == 2
    child = seen[0][1]
    assert spa.refresh(child).status_code == 200
    assert spa.refresh(tokens.refresh_token).status_code == 400
