"""DEERS elsewhere: `idp deers serve` in a process of its own, with its own database and keys, and a provider without any people."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from idp import keyring, migrations_state
from idp.adapters.deers_http import HttpDirectory
from idp.adapters.deers_wire import MATCH
from idp.db import Database, Row
from idp.directory.tables import PARTS, DeersPerson
from idp.oidc import scopes
from idp.ports import PortDown
from tests.idp_command import environment_of, run_idp
from tests.registrants import DANA, DECEASED, STRANGER, identify, register
from tests.relying_party import RelyingParty, on_sqlite
from tests.upgraders import account_of, answer_all, code_of_record, enroll, start
from tests.world import World, free_port, load_cast

_PATIENCE = 60


class Elsewhere:
    """The running service."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.url = f"https://localhost:{port}"
        self.log = log


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, deers_certificates: Path) -> Iterator[Elsewhere]:
    """A production instance: it would not start without certificates."""
    folder = tmp_path_factory.mktemp("elsewhere")
    database = Database(f"sqlite:///{folder / 'deers.db'}")
    keyring.make(folder / "keys")
    migrations_state.upgrade(database)
    load_cast(database, keyring.load(folder / "keys"))
    database.close()
    running = Elsewhere(free_port(), folder / "serve.log")
    words = [
        *(sys.executable, "-m", "idp", "deers", "serve", "--port", str(running.port)),
        *("--tls-cert", str(deers_certificates / "service.pem"), "--tls-key", str(deers_certificates / "service.key")),
        *("--client-ca", str(deers_certificates / "authority.pem")),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | {
        "IDP_ISSUER": "https://deers.example.org",
        "IDP_KEYS": str(folder / "keys"),
        "IDP_SMTP_URL": "smtps://mail.example.org",
        "IDP_LOG_LEVEL": "DEBUG",
        "DATABASE_URL": f"sqlite:///{folder / 'deers.db'}",
    }
    with running.log.open("wb") as log, subprocess.Popen(words, env=environment, stderr=log, stdout=log) as process:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", running.port), timeout=5):
                break
            time.sleep(0.2)
        yield running
        process.terminate()
        process.wait(_PATIENCE)
    told = running.log.read_text("utf-8")
    assert '"fault"' not in told, "nothing that was sent was a fault of ours"
    # R77: everything that was asked of it, at DEBUG, and no word about whom.
    for said in (DANA.id_number, DECEASED.id_number, "9900000015", "Dana", "1984-02-10", "dana.example"):
        assert said not in told


@pytest.fixture
def there(
    elsewhere: Elsewhere, database_url: str, keys_folder: Path, tmp_path: Path, deers_certificates: Path
) -> Iterator[World]:
    """A provider that keeps nobody, and asks."""
    made = World(
        database_url,
        keys_folder,
        tmp_path,
        deers_url=elsewhere.url,
        deers_certificate=deers_certificates / "customer.pem",
        extra_ca=deers_certificates / "authority.pem",
    )
    people: tuple[type[Row], ...] = (*PARTS, DeersPerson)
    with made.services.db.engine.begin() as conn:
        for table in people:
            conn.execute(sa.delete(table))
    yield made
    assert isinstance(made.services.directory, HttpDirectory)
    made.services.directory.close()
    made.close()


@on_sqlite
def test_the_cast_registers_signs_in_and_upgrades_with_deers_elsewhere(there: World) -> None:
    """The whole road, every fact from over there; who cannot have an account hears the same as always (R63)."""
    rp = RelyingParty(there, scopes=scopes.ALL)
    for nobody in (STRANGER, DECEASED):
        assert identify(there.browser(), nobody).page.name == "registration/delivery"
    browser = there.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    browser.submit(activation_code=code_of_record(there, "dana.example@example.com"), button="activate-submit")
    enroll(browser)
    browser.submit(saved="y")
    assert account_of(there, "dana.q").level == 2
    tokens = rp.tokens(browser, scope="openid dslogon profile edipi eligibility")
    told = rp.userinfo(tokens.access_token).get_json()
    assert (told["given_name"], told["family_name"], told["birthdate"]) == ("Dana", "Example", "1984-02-10")
    assert (told["dslogon_uuid"], told["dslogon_status"]) == ("9900000015", "SPONSOR")
    assert told["eligibility"][0]["program"] == "TRICARE"


@on_sqlite
def test_doctor_asks_over_there_and_says_what_is_wrong(there: World, deers_certificates: Path) -> None:
    environment = environment_of(there) | {
        "IDP_DEERS_URL": there.settings.deers_url,
        "IDP_DEERS_CERTIFICATE": str(there.settings.deers_certificate),
        "IDP_EXTRA_CA": str(there.settings.extra_ca),
    }
    good = json.loads(run_idp(environment, "doctor", "--json").stdout)["deers"]
    assert good == {"ok": True, "says": "16 people, at IDP_DEERS_URL; every change is followed"}
    for ours, fault in (
        ("customer-expired", "CERTIFICATE_EXPIRED"),
        ("stranger", "UNKNOWN_CA"),
    ):
        wrong = environment | {"IDP_DEERS_CERTIFICATE": str(deers_certificates / f"{ours}.pem")}
        done = run_idp(wrong, "doctor")
        assert done.returncode == 1
        assert f"TLS failed, {fault}" in done.stdout.replace("SSLV3_ALERT_", "").replace("TLSV1_ALERT_", "")
    shown = run_idp(environment, "deers", "show", "9900000015")
    assert shown.returncode == 1
    assert "asks another directory (IDP_DEERS_URL)" in shown.stderr


@pytest.mark.parametrize("ours", ["stranger", "customer-expired", None])
def test_who_has_no_certificate_of_its_authority_gets_no_word(
    elsewhere: Elsewhere, deers_certificates: Path, ours: str | None
) -> None:
    """R78: another CA's, an expired one, none."""
    remote = HttpDirectory(
        elsewhere.url,
        certificate=deers_certificates / f"{ours}.pem" if ours else None,
        extra_ca=deers_certificates / "authority.pem",
    )
    with pytest.raises(PortDown, match="TLS failed"):
        remote.count()
    remote.close()


def test_no_hostile_bytes_are_taken(elsewhere: Elsewhere, deers_certificates: Path) -> None:
    """RFC 9112 §3.2; R99, R102: refused by the status that says why, and served on."""
    context = ssl.create_default_context(cafile=str(deers_certificates / "authority.pem"))
    context.load_cert_chain(deers_certificates / "customer.pem")
    host = f"Host: localhost:{elsewhere.port}\r\n".encode()
    post = f"POST {MATCH} HTTP/1.1\r\n".encode() + host
    kind, last = b"Content-Type: application/json\r\n", b"Connection: close\r\n\r\n"
    cases: list[tuple[bytes, set[int]]] = [
        (b"GET /v1/status HTTP/1.1\r\n" + host + last, {200}),
        (b"GET /v1/status HTTP/1.1\r\n" + last, {400}),
        (b"GET http://evil.example/v1/status HTTP/1.1\r\n" + host + last, {400}),
        (b"GET /v1/\xff HTTP/1.1\r\n" + host + last, {400}),
        (b"GET /v1/changes?after=%00%0d%0a HTTP/1.1\r\n" + host + last, {400}),
        (b"GET /v1/changes?" + b"a" * 200_000 + b" HTTP/1.1\r\n" + host + last, {414, 431}),
        (b"BREW /v1/status HTTP/1.1\r\n" + host + last, {405}),
        (b"\x16\x03\x01 what\r\n\r\n", {400}),
        (post + last, {415}),
        (post + kind + last, {411}),
        (post + kind + b"Content-Length: 2\r\n" + last + b"{}", {400}),
        (post + kind + b"Content-Length: -2\r\n" + last + b"{}", {400}),
        (post + kind + b"Content-Length: 2\r\nContent-Length: 3\r\n" + last + b"{} ", {400}),
        (post + kind + b"Content-Length: 99999999999\r\n" + last, {413}),
        (post + kind + b"Transfer-Encoding: chunked\r\n" + last + b"2\r\n{}\r\n0\r\n\r\n", {400}),
        (post + kind + b"Transfer-Encoding: chunked\r\n" + last + b"ffff\r\n%s\r\n" % (b"a" * 65535) * 3, {413}),
    ]
    for raw, expected in cases:
        with (
            socket.create_connection(("127.0.0.1", elsewhere.port), timeout=_PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            with suppress(OSError):  # refused before it was all there
                connection.sendall(raw)
            answer = b""
            with suppress(ConnectionResetError, ssl.SSLError):
                while piece := connection.recv(65536):
                    answer += piece
        assert int(answer[9:12]) in expected, (raw[:80], answer[:80])
        assert b"Traceback" not in answer
