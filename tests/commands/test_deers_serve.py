"""`idp deers serve`: what it does not start with."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.idp_command import environment_of, run_idp
from tests.relying_party import on_sqlite
from tests.world import World

pytestmark = on_sqlite


@pytest.fixture
def production(world: World) -> Mapping[str, str]:
    return environment_of(world) | {
        "IDP_DEMO": "0",
        "IDP_ISSUER": "https://deers.example.org",
        "IDP_SMTP_URL": "smtps://mail.example.org",
    }


def test_outside_the_demo_it_goes_nowhere_without_certificates(production: Mapping[str, str]) -> None:
    """R78: what it is asked with are SSNs."""
    done = run_idp(production, "deers", "serve")
    assert done.returncode == 1
    assert "only the demo, on this machine alone" in done.stderr


def test_the_demo_goes_without_them_on_this_machine_alone(world: World) -> None:
    done = run_idp(environment_of(world), "deers", "serve", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "only the demo, on this machine alone" in done.stderr


def test_tls_is_all_or_nothing_and_checked_at_the_start(
    production: Mapping[str, str], deers_certificates: Path
) -> None:
    folder = deers_certificates
    given = ["--tls-cert", str(folder / "service.pem"), "--tls-key", str(folder / "service.key")]
    half = run_idp(production, "deers", "serve", *given)
    assert half.returncode == 2
    assert "go together" in half.stderr
    no_ca = run_idp(production, "deers", "serve", *given, "--client-ca", str(folder / "service.key"))
    assert no_ca.returncode == 1
    assert "holds no PEM certificate" in no_ca.stderr
    others = ["--tls-cert", str(folder / "service.pem"), "--tls-key", str(folder / "customer.key")]
    other_key = run_idp(production, "deers", "serve", *others, "--client-ca", str(folder / "authority.pem"))
    assert other_key.returncode == 1
    assert "do not belong together" in other_key.stderr


def test_who_asks_elsewhere_has_nothing_to_serve(world: World) -> None:
    done = run_idp(environment_of(world) | {"IDP_DEERS_URL": "http://localhost:5010"}, "deers", "serve")
    assert done.returncode == 1
    assert "asks another directory (IDP_DEERS_URL)" in done.stderr
