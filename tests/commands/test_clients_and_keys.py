"""`idp clients` and `idp keys`, as processes with an environment."""

import json
from pathlib import Path

import pytest

from idp import crypto
from idp.oidc.clients import find_client
from tests.idp_command import Done, environment_of, read_json, run_idp
from tests.relying_party import on_sqlite
from tests.signer import Signer
from tests.world import World

pytestmark = on_sqlite

CREATE = ("clients", "create", "--name", "Portal", "--redirect-uri", "https://rp.example/cb")


def _idp(world: World, *words: str, **changes: str) -> Done:
    return run_idp(environment_of(world) | changes, *words)


def test_a_client_is_made_with_a_secret_that_is_shown_once(world: World) -> None:
    """R136: 256 bits, kept as a digest."""
    made = read_json(_idp(world, *CREATE, "--scope", "openid email", "--scope", "profile", "--first-party", "--json"))
    assert len(made["client_secret"]) >= 43
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    assert made["scope"] == "openid email profile"
    with world.services.db.read() as conn:
        client = find_client(conn, made["client_id"])
    assert client is not None
    assert client.secret_digests == [crypto.digest(made["client_secret"])]
    shown = read_json(_idp(world, "clients", "show", made["client_id"], "--json"))
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    listed = read_json(_idp(world, "clients", "list", "--json"))
    assert [one["client_id"] for one in listed] == [made["client_id"]]
    event = world.events("client.created")[0]
    assert event.actor.startswith("operator:")


def test_every_option_arrives(world: World) -> None:
    made = read_json(
        _idp(
            world,
            *CREATE,
            *("--redirect-uri", "https://rp.example/other"),
            *("--auth-method", "client_secret_post"),
            *("--post-logout-redirect-uri", "https://rp.example/bye"),
            *("--origin", "https://rp.example"),
            *("--default-acr", "urn:dslogon:premium", "--default-acr", "urn:dslogon:basic:mfa"),
            *("--min-acr", "urn:dslogon:basic:mfa", "--pkce", "optional", "--id-token-alg", "ES256"),
            "--public-sub",
            "--json",
        )
    )
    assert made["redirect_uris"] == ["https://rp.example/cb", "https://rp.example/other"]
    assert made["token_endpoint_auth_method"] == "client_secret_post"
    assert made["post_logout_redirect_uris"] == ["https://rp.example/bye"]
    assert made["origins"] == ["https://rp.example"]
    assert (made["min_acr"], made["pkce"], made["id_token_signed_response_alg"], made["subject_type"]) == (
        "urn:dslogon:basic:mfa",
        "optional",
        "ES256",
        "public",
    )
    assert made["first_party"] is False
    assert made["default_acr_values"] == ["urn:dslogon:premium", "urn:dslogon:basic:mfa"]


def test_a_client_is_given_its_resource_servers_one_by_one(world: World) -> None:
    """RFC 8707 §2, R121: none unless it is named, and only what there is."""
    assert "resources" not in read_json(_idp(world, *CREATE, "--json"))
    records, letters = "https://records.example/api", "urn:example:letters"
    for uri in (records, letters):
        assert _idp(world, "resources", "create", "--name", "Records", "--resource", uri).returncode == 0
    made = read_json(_idp(world, *CREATE, "--resource", records, "--resource", letters, "--json"))
    assert made["resources"] == [records, letters]
    shown = _idp(world, "clients", "show", made["client_id"])
    assert f"{records} {letters}" in shown.stdout
    refused = _idp(world, *CREATE, "--resource", records + "/")
    assert (refused.returncode, f"no resource server {records}/" in refused.stderr) == (1, True)


def test_public_kinds_get_no_secret(world: World) -> None:
    """RFC 8252 §8.5."""
    native = read_json(_idp(world, *CREATE, "--redirect-uri", "http://127.0.0.1/cb", "--type", "native", "--json"))
    assert native["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in native
    spoken = _idp(world, *CREATE, "--type", "spa")
    assert spoken.returncode == 0
    assert "client_secret" not in spoken.stdout


def test_a_client_may_bring_its_own_keys(world: World, tmp_path: Path) -> None:
    """RFC 7591 §2: a set or one key by file, or an address; it has no secret, and the keys are shown."""
    key = Signer.make("ES256").public
    file = tmp_path / "keys.json"
    words = (*CREATE, "--auth-method", "private_key_jwt", "--json")
    for document in ({"keys": [key]}, key):
        file.write_text(json.dumps(document))
        made = read_json(_idp(world, *words, "--jwks-file", str(file)))
        assert made["jwks"] == {"keys": [key]}
        assert "client_secret" not in made
    made = read_json(_idp(world, *words, "--jwks-uri", "https://rp.example/jwks"))
    assert made["jwks_uri"] == "https://rp.example/jwks"
    both = _idp(world, *words, "--jwks-uri", "https://rp.example/jwks", "--jwks-file", str(file))
    assert (both.returncode, "not both" in both.stderr) == (1, True)


def test_a_service_needs_no_redirect_uri_and_gets_no_grant(world: World) -> None:
    made = read_json(_idp(world, "clients", "create", "--name", "Monitor", "--type", "service", "--json"))
    assert (made["grant_types"], made["redirect_uris"], made["scope"]) == ([], [], "")
    assert made["client_secret"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((*CREATE, "--redirect-uri", "http://rp.example/cb"), 1, "https"),
        ((*CREATE, "--redirect-uri", "javascript:alert(1)"), 1, "registered"),
        ((*CREATE, "--type", "spa", "--auth-method", "client_secret_basic"), 1, "secret"),
        ((*CREATE, "--scope", "everything"), 1, "everything"),
        ((*CREATE, "--auth-method", "private_key_jwt"), 1, "public keys"),
        ((*CREATE, "--auth-method", "private_key_jwt", "--jwks-uri", "http://rp.example/jwks"), 1, "https"),
        ((*CREATE, "--jwks-uri", "https://rp.example/jwks"), 1, "private_key_jwt"),
        ((*CREATE, "--type", "spa", "--auth-method", "private_key_jwt"), 1, "keep a secret"),
        ((*CREATE, "--type", "service"), 1, "no redirect URIs"),
        (("clients", "create", "--name", "x", "--type", "service", "--auth-method", "none"), 1, "prove"),
        ((*CREATE, "--type", "native", "--first-party", "--redirect-uri", "http://127.0.0.1/cb"), 1, "must be asked"),
        ((*CREATE, "--default-acr", "urn:nobody"), 2, "default-acr"),
        ((*CREATE, "--jwks-file", "/nowhere/keys.json"), 2, "jwks-file"),
        ((*CREATE, "--profile", "fapi2"), 2, "profile"),
        (("clients", "create", "--name", "x"), 2, "redirect-uri"),
        (("clients", "show", "nobody"), 3, "no such client"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(world: World, words: tuple[str, ...], code: int, says: str) -> None:
    """The exit code is 1 refused, 2 usage, 3 not found; nothing is written."""
    done = _idp(world, *words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert world.events("client.created") == []


def test_keys_are_listed_without_their_private_halves(world: World) -> None:
    """R145."""
    done = _idp(world, "keys", "list", "--json")
    keys = read_json(done)
    assert sorted(key["alg"] for key in keys) == ["ES256", "RS256"]
    assert all(key.keys() == {"kid", "alg", "use", "state", "created_at"} for key in keys)
    assert _idp(world, "keys", "list").stdout.count("current") == 2


def test_a_stolen_key_is_taken_out_of_use_by_one_command(world: World) -> None:
    """R146: only with --yes, once, with a successor; an unknown one is not found."""
    old = next(key for key in read_json(_idp(world, "keys", "list", "--json")) if key["alg"] == "ES256")
    assert "add --yes" in _idp(world, "keys", "retire", old["kid"]).stdout
    assert world.events("keys.retired") == []
    done = read_json(_idp(world, "keys", "retire", old["kid"], "--yes", "--json"))
    assert (done["retired"], done["alg"]) == (old["kid"], "ES256")
    states = {key["kid"]: key["state"] for key in read_json(_idp(world, "keys", "list", "--json"))}
    assert (states[old["kid"]], states[done["made"]]) == ("retired", "current")
    assert _idp(world, "keys", "retire", old["kid"], "--yes").returncode == 1
    assert _idp(world, "keys", "retire", "nothing", "--yes").returncode == 3
    assert [event.fields["successor"] for event in world.events("keys.retired")] == [done["made"]]


def test_init_makes_what_is_missing_and_nothing_twice(world: World, tmp_path: Path) -> None:
    """On a database that is not migrated it makes the files and says what comes next."""
    folder, database = tmp_path / "fresh", f"sqlite:///{tmp_path / 'fresh.db'}"
    fresh = {"IDP_KEYS": str(folder), "DATABASE_URL": database}
    first = read_json(_idp(world, "keys", "init", "--json", **fresh))
    assert len(first["files_made"]) == 3
    assert first["keys_made"] == []
    assert "idp db upgrade" in first["waiting_for"]
    assert all((folder / name).stat().st_mode & 0o077 == 0 for name in first["files_made"])
    upgraded = read_json(_idp(world, "db", "upgrade", "--json", **fresh))
    assert len(upgraded["keys_made"]) == 2
    again = read_json(_idp(world, "keys", "init", "--json", **fresh))
    assert again == {"files_made": [], "keys_made": []}
