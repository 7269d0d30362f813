"""The vendor of questions: its stand-in, and the adapter that talks to a real one over real TLS (R66, R67, R79)."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from idp.adapters import fake_kbv
from idp.adapters.fake import StandInRefused
from idp.adapters.fake_kbv import NONE_OF_THESE, StandInVendor
from idp.adapters.kbv import HttpKbv
from idp.config import ConfigFault, Settings
from idp.ports import Applicant, PortDown, Quiz

DANA = Applicant("Dana", "Example", date(1984, 2, 10), "900000015")
DEMO: dict[str, Any] = {
    "issuer": "http://localhost:5000",
    "database_url": "sqlite://",
    "smtp_url": "smtp://localhost:25",
    "demo": True,
}


def vendor() -> StandInVendor:
    return StandInVendor(Settings.model_validate(DEMO))


def right_places(quiz: Quiz, ssn: str) -> tuple[int, ...]:
    known = {text: right for text, right, _ in fake_kbv.history(ssn).asked}
    return tuple(
        question.options.index(known[question.text]) if known[question.text] in question.options else 4
        for question in quiz.questions
    )


@given(st.integers(min_value=900_000_000, max_value=999_999_999))
def test_four_questions_none_twice_with_five_answers_each_of_which_one_is_right(number: int) -> None:
    """R66; SP 800-63A rev. 3 §5.3.2: at least four options, no question repeated, "none" never the majority."""
    who = Applicant("Any", "Body", date(1970, 1, 1), str(number))
    quiz = vendor().draw(who)
    assert quiz is not None
    assert len({question.text for question in quiz.questions}) == fake_kbv.ASKED
    assert all(len(set(question.options)) == 5 for question in quiz.questions)
    right = right_places(quiz, str(number))
    assert sum(quiz.questions[place].options[chosen] == NONE_OF_THESE for place, chosen in enumerate(right)) <= 1
    assert vendor().judge(who, quiz.reference, right)


def test_of_all_answers_exactly_one_passes() -> None:
    """R66: all right, and nothing less."""
    quiz = vendor().draw(DANA)
    assert quiz is not None
    passed = [chosen for chosen in product(range(5), repeat=4) if vendor().judge(DANA, quiz.reference, chosen)]
    assert passed == [right_places(quiz, DANA.ssn)]
    assert not vendor().judge(DANA, quiz.reference, right_places(quiz, DANA.ssn)[:3])


def test_another_person_or_another_quiz_has_other_answers() -> None:
    quiz = vendor().draw(DANA)
    other = vendor().draw(DANA)
    assert quiz is not None
    assert other is not None
    assert quiz.reference != other.reference
    robin = Applicant("Robin", "Example", date(1986, 7, 1), "900000023")
    assert not vendor().judge(robin, quiz.reference, right_places(quiz, DANA.ssn))


def test_who_is_too_young_has_no_history() -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert vendor().draw(Applicant("Jo", "Example", today.replace(year=today.year - 20), "900000058")) is None


def test_the_stand_in_does_not_run_in_production() -> None:
    settings = Settings.model_validate(
        {**DEMO, "demo": False, "issuer": "https://id.example.org", "smtp_url": "smtps://mail.example.org"}
    )
    with pytest.raises(StandInRefused):
        StandInVendor(settings)


def test_an_ssn_travels_by_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """R78: the setting is refused before anything could be sent."""
    from idp import config  # noqa: PLC0415 - reads the environment that this test makes

    for name, value in {
        "IDP_ISSUER": "https://id.example.org",
        "DATABASE_URL": "sqlite://",
        "IDP_SMTP_URL": "smtps://mail.example.org",
        "IDP_KBV_URL": "http://kbv.example.org",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigFault, match="IDP_KBV_URL: must be https"):
        config.load()


class _Vendor(BaseHTTPRequestHandler):
    """The stand-in behind HTTP, and one fault for each first name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = asked["applicant"]
        who = Applicant(told["given_name"], told["family_name"], date.fromisoformat(told["birth_date"]), told["ssn"])
        if who.given_name == "Reset":
            self.connection.close()
            return
        if who.given_name == "Slow":
            time.sleep(1.5)
        status, answer = self._answer(who, asked)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, who: Applicant, asked: dict[str, Any]) -> tuple[int, object]:
        faults: dict[str, tuple[int, object]] = {
            "Five": (500, {}),
            "Moved": (302, {}),
            "Cut": (201, b'{"reference": "x", "questions": ['),
            "Big": (201, b" " * 100_000),
            "Few": (201, {"reference": "x", "questions": [{"text": "?", "options": ["a", "b", "c"]}] * 4}),
            "Wrong": (201, ["questions"]),
        }
        if who.given_name in faults:
            return faults[who.given_name]
        if "chosen" in asked:
            reference = self.path.split("/")[2]
            return 200, {"passed": vendor().judge(who, reference, tuple(asked["chosen"]))}
        quiz = vendor().draw(who)
        if quiz is None:
            return 404, {}
        questions = [{"text": one.text, "options": list(one.options)} for one in quiz.questions]
        return 201, {"reference": quiz.reference, "questions": questions}

    def log_message(self, *_: Any) -> None:
        """Quietly."""


def _certified(name: str, folder: Path, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> None:
    """A key and certificate `NAME.pem`, by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a vendor and a customer that it knows, and a stranger."""
    folder = tmp_path_factory.mktemp("kbv")
    _certified("authority", folder, None)
    pem = (folder / "authority.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    issuer = (x509.load_pem_x509_certificate(pem), key)
    for name in ("vendor", "customer"):
        _certified(name, folder, issuer)
    _certified("stranger", folder, None)
    return folder


@pytest.fixture(scope="module")
def url(certificates: Path) -> Iterator[str]:
    """A vendor that takes nobody without a certificate of its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "vendor.pem")
    context.load_verify_locations(certificates / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vendor)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def remote(url: str, certificates: Path) -> Iterator[HttpKbv]:
    """Our adapter, as a customer that the vendor knows."""
    made = HttpKbv(
        url, certificate=certificates / "customer.pem", extra_ca=certificates / "authority.pem", patience=1.0
    )
    yield made
    made.close()


def test_a_quiz_over_mutual_tls(remote: HttpKbv) -> None:
    quiz = remote.draw(DANA)
    assert quiz is not None
    right = right_places(quiz, DANA.ssn)
    assert remote.judge(DANA, quiz.reference, right)
    assert not remote.judge(DANA, quiz.reference, (*right[:3], (right[3] + 1) % 5))


def test_a_vendor_that_knows_too_little_says_so(remote: HttpKbv) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert remote.draw(Applicant("Jo", "Example", today.replace(year=today.year - 19), "900000058")) is None


@pytest.mark.parametrize("fault", ["Reset", "Slow", "Five", "Moved", "Cut", "Big", "Few", "Wrong"])
def test_every_fault_of_the_vendor_is_an_outage_and_no_quiz(remote: HttpKbv, fault: str) -> None:
    """R79: late, reset, redirected, cut off, too large, of another shape: nothing of it is used."""
    with pytest.raises(PortDown) as down:
        remote.draw(Applicant(fault, "Example", date(1984, 2, 10), "900000015"))
    assert "900000015" not in str(down.value)


@pytest.mark.parametrize("ours", ["stranger", None])
def test_the_vendor_takes_nobody_whose_certificate_it_does_not_know(
    url: str, certificates: Path, ours: str | None
) -> None:
    remote = HttpKbv(
        url,
        certificate=certificates / f"{ours}.pem" if ours else None,
        extra_ca=certificates / "authority.pem",
        patience=1.0,
    )
    with pytest.raises(PortDown):
        remote.draw(DANA)
    remote.close()


def test_a_vendor_whose_certificate_we_do_not_know_gets_nothing(url: str, certificates: Path) -> None:
    remote = HttpKbv(url, certificate=certificates / "customer.pem", patience=1.0)
    with pytest.raises(PortDown):
        remote.draw(DANA)
    remote.close()
