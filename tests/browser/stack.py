"""The product as it runs: provider, worker, mail and portal as programs of their own, on free ports and invented
people.
"""

import ipaddress
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pypdf import PdfReader

from devtools import demo, ports
from devtools.children import Children
from devtools.demo import Demo
from devtools.terminal import ROOT
from idp.adapters.letters import read_letters
from idp.config import Settings
from idp.directory import cast
from idp.ports import Services
from idp.services import create_services
from tests.world import free_port

PEOPLE = 100
STARTS_WITHIN = 60.0


@dataclass(frozen=True)
class Person:
    """Somebody whom DEERS knows, as they would fill in the form."""

    key: str
    """DEERS's own; nobody fills it in."""
    given_name: str
    family_name: str
    born: date
    ssn: str
    edipi: str


class Stack:
    """One running product."""

    def __init__(self, issuer: str, portal: str, directory: Path, client: Path, env: dict[str, str]) -> None:
        self.issuer = issuer
        self.portal = portal
        self.client_id: str = json.loads(client.read_text("utf-8"))["client_id"]
        self.env = env
        self._records = [json.loads(line) for line in directory.read_text("utf-8").splitlines()]
        self._newcomers = iter([_person(record) for record in self._records if _may_register(record)])
        self._addresses = itertools.count(1)

    def services(self) -> Services:
        """The same provider's own services, for what a story only begins with; whoever opens them closes their database."""
        return create_services(
            Settings.model_validate(
                {
                    "issuer": self.env["IDP_ISSUER"],
                    "database_url": self.env["DATABASE_URL"],
                    "keys": self.env["IDP_KEYS"],
                    "smtp_url": self.env["IDP_SMTP_URL"],
                    "demo": True,
                }
            )
        )

    def idp(self, *words: str) -> str:
        """Run an operator's command on this provider; what it prints comes back."""
        return _idp(self.env, *words)

    def newcomer(self) -> Person:
        """Somebody who has no account yet; each time somebody else."""
        return next(self._newcomers)

    def person(self, key: str) -> Person:
        """One of the named people."""
        return _person(next(record for record in self._records if record["person"] == key))

    def address(self) -> str:
        """A network address for one more browser: limits count by it, and the stories must not share theirs."""
        return f"198.51.100.{next(self._addresses) % 250 + 1}"


class SecureStack(Stack):
    """The same over TLS and in production mode, where nothing of the demo exists: mail ends in this process."""

    def __init__(
        self,
        issuer: str,
        portal: str,
        directory: Path,
        client: Path,
        env: dict[str, str],
        mails: "Mails",
        letters: Path,
    ) -> None:
        super().__init__(issuer, portal, directory, client, env)
        self.mails = mails
        self._letters = letters

    def letters(self, person: Person) -> list[str]:
        """The words of every letter to this person that waits to be printed."""
        name = f"{person.given_name} {person.family_name}"
        pages = [PdfReader(self._letters / f"{one.name}.pdf").pages[0] for one in read_letters(self._letters)]
        return [text for text in (page.extract_text() for page in pages) if name in text]


class Mails:
    """A mail server's memory."""

    def __init__(self) -> None:
        self.caught: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.caught.append(message_from_bytes(envelope.original_content, _class=EmailMessage, policy=policy.default))
        return "250 OK"

    def to(self, address: str) -> list[str]:
        """The text of every mail to this address."""
        bodies = [mail.get_body(("plain",)) for mail in self.caught if mail["To"] == address]
        return [body.get_content() for body in bodies if body is not None]


@contextmanager
def demo_stack(folder: Path) -> Iterator[Stack]:
    """What `dev.py demo` starts, behind a proxy that tells the addresses of those who ask."""
    where = Demo(free_port(), free_port(), free_port(), folder / "demo", size=PEOPLE)
    env = where.environment(os.environ) | {"IDP_TRUSTED_HOPS": "1"}
    demo.prepare(where, sys.executable, env)
    with Children(env=env, logs=where.folder) as children:
        demo.bring_up(where, children, sys.executable)
        yield Stack(where.issuer, where.portal, where.folder / "deers.jsonl", where.client, env)


@contextmanager
def secure_stack(folder: Path) -> Iterator[SecureStack]:
    """A provider that terminates TLS itself, with a certificate of an own authority that the portal is told of."""
    port, portal_port, mail_port = free_port(), free_port(), free_port()
    issuer, portal = f"https://localhost:{port}", f"http://localhost:{portal_port}"
    authority, certificate, key = _certificates(folder)
    client, directory = folder / "portal.json", folder / "deers.jsonl"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("IDP_", "PORTAL_"))} | {
        "IDP_ISSUER": issuer,
        "IDP_KEYS": str(folder / "keys"),
        "IDP_SMTP_URL": f"smtp://localhost:{mail_port}",
        "IDP_LETTERS": str(folder / "letters"),
        "DATABASE_URL": f"sqlite:///{folder / 'idp.db'}",
        "PORTAL_ISSUER": issuer,
        "PORTAL_BASE_URL": portal,
        "PORTAL_PORT": str(portal_port),
        "PORTAL_CLIENT_FILE": str(client),
        "PORTAL_CA_FILE": str(authority),
    }
    _idp(env, "keys", "init")
    _idp(env, "db", "upgrade")
    _idp(env, "deers", "generate", "--people", "20", "--seed", "2", "--out", str(directory))
    _idp(env, "deers", "import", str(directory))
    back = ("--redirect-uri", f"{portal}/callback", "--post-logout-redirect-uri", f"{portal}/signed-out")
    client.write_text(_idp(env, "clients", "create", "--json", "--name", "Alder Harbor Health", *back), "utf-8")
    mails = Mails()
    catcher = Controller(mails, hostname="localhost", port=mail_port)
    catcher.start()
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        with Children(env=env, logs=folder) as children:
            children.start("provider", [sys.executable, "-m", "idp", "serve", "--port", str(port), *tls])
            children.start("worker", [sys.executable, "-m", "idp", "worker"])
            children.start("portal", [sys.executable, "-m", "portal"])
            children.wait_until(
                [
                    ("provider", lambda: ports.answers(port)),
                    ("portal", lambda: demo.is_well(f"{portal}/healthz")),
                ],
                within=STARTS_WITHIN,
            )
            yield SecureStack(issuer, portal, directory, client, env, mails, folder / "letters")
    finally:
        catcher.stop()


def _idp(env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "idp", *words], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"idp {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def _certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate; and the chain and the key of localhost, which it signed."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Guidon test authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    own = (
        _certificate(name, root_name, key.public_key())
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = (folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
    files[0].write_bytes(root.public_bytes(pem))
    files[1].write_bytes(own.public_bytes(pem) + root.public_bytes(pem))
    files[2].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _person(record: dict[str, Any]) -> Person:
    return Person(
        key=record["person"],
        given_name=record["given_name"],
        family_name=record["family_name"],
        born=date.fromisoformat(record["birth_date"]),
        ssn=record["ssn"],
        edipi=record["edipi"],
    )


def _may_register(record: dict[str, Any]) -> bool:
    """An adult who lives, whom DEERS knows once, and who is not of the cast: those are asked for by name."""
    named = {part.key for part in cast.PARTS}
    return (
        record["person"] not in named
        and record["birth_date"] < "1995"
        and not record["deceased_on"]
        and not record["conflict_since"]
        and record["ssn"] is not None
    )
