"""`idp resources`, as processes with an environment."""

import json
from pathlib import Path

import pytest

from idp.oidc import resources
from idp.oidc.clients import find_client
from tests.commands.test_clients_and_keys import _idp
from tests.idp_command import read_json
from tests.relying_party import RelyingParty, on_sqlite
from tests.signer import Signer
from tests.world import World

pytestmark = on_sqlite

CREATE = ("resources", "create", "--name", "Records", "--resource", "https://records.example/api")


def test_a_resource_server_is_made_with_a_secret_that_is_shown_once(world: World) -> None:
    """R136: 256 bits by which it introspects; it can do nothing else."""
    made = read_json(_idp(world, *CREATE, "--scope", "openid email", "--scope", "profile", "--alg", "ES256", "--json"))
    assert len(made["client_secret"]) >= 43
    assert made["resource"] == "https://records.example/api"
    assert made["scope"] == "openid email profile"
    assert made["access_token_signed_response_alg"] == "ES256"
    shown = read_json(_idp(world, "resources", "show", made["resource"], "--json"))
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    assert read_json(_idp(world, "resources", "list", "--json")) == [shown]
    assert made["client_id"] in _idp(world, "resources", "list").stdout
    assert made["client_secret"] not in _idp(world, "resources", "show", made["resource"]).stdout
    with world.services.db.read() as conn:
        client = find_client(conn, made["client_id"])
    assert client is not None
    assert (client.kind, client.grant_types, client.scopes) == ("service", [], [])
    event = world.events("resource.created")[0]
    assert event.actor.startswith("operator:")
    assert event.client == made["client_id"]


def test_it_names_the_clients_that_may_use_it(world: World) -> None:
    """RFC 8707 §2, R121: those that were there before it; a client of another server is none."""
    rp = RelyingParty(world)
    made = read_json(_idp(world, *CREATE, "--client", rp.client.id, "--client", rp.client.id, "--json"))
    shown = read_json(_idp(world, "clients", "show", rp.client.id, "--json"))
    assert shown["resources"] == [made["resource"]]
    assert world.events("resource.created")[0].fields["clients"] == [rp.client.id]
    for nobody in ("nobody", made["client_id"]):
        refused = _idp(world, *CREATE[:-1], "https://other.example/", "--client", nobody)
        assert (refused.returncode, nobody in refused.stderr) == (1, True)


def test_it_may_prove_itself_by_a_key(world: World, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(Signer.make("EdDSA").public))
    spoken = _idp(world, *CREATE, "--auth-method", "private_key_jwt", "--jwks-file", str(tmp_path / "keys.json"))
    assert spoken.returncode == 0, spoken.stderr
    assert "client_secret" not in spoken.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((*CREATE[:-1], "records"), 1, "absolute"),
        ((*CREATE[:-1], "https://records.example/#x"), 1, "fragment"),
        ((*CREATE[:-1], "https:///x"), 1, "host"),
        ((*CREATE[:-1], "http://localhost:5000"), 1, "itself"),
        ((*CREATE[:-1], "http://localhost:5000/userinfo"), 1, "itself"),
        ((*CREATE, "--scope", "everything"), 1, "everything"),
        ((*CREATE, "--alg", "HS256"), 2, "alg"),
        ((*CREATE, "--auth-method", "none"), 2, "auth-method"),
        ((*CREATE, "--auth-method", "private_key_jwt"), 1, "public keys"),
        (("resources", "show", "nothing"), 3, "no such resource server"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(world: World, words: tuple[str, ...], code: int, says: str) -> None:
    """RFC 8707 §2; nothing is written."""
    done = _idp(world, *words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    with world.services.db.read() as conn:
        assert resources.list_resources(conn) == []


def test_an_address_is_taken_once(world: World) -> None:
    assert _idp(world, *CREATE).returncode == 0
    again = _idp(world, *CREATE)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert len(world.events("client.created")) == 1
