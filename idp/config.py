"""Every setting, typed and checked at the start. The only reader of the environment.

Settings come from `IDP_…` variables (and `DATABASE_URL`) or from a TOML file named by `IDP_CONFIG`; the environment
wins. All faults are told together, and never with a value, since a value may be a secret.
"""

import os
import re
import ssl
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

_PREFIX = "IDP_"
_OUTSIDE = {"IDP_CONFIG"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# A name with a letter in it, so that a mistyped network is not taken for one.
_HOST = re.compile(r"(?=[^/]*[a-z])[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*")

Network = IPv4Network | IPv6Network


class ConfigFault(Exception):
    """The settings cannot be used. `faults` are lines for the operator, without any value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class PolicyName(StrEnum):
    """Which table says what evidence gives which level."""

    DS_LOGON = "ds_logon"
    SP800_63_4 = "sp800_63_4"


class PkceRule(StrEnum):
    """Of which clients PKCE is required."""

    ALL = "all"
    PUBLIC = "public"


class PasswordHash(StrEnum):
    """How passwords are kept."""

    ARGON2ID = "argon2id"
    PBKDF2_SHA256 = "pbkdf2_sha256"


class Settings(BaseSettings):
    """What an operator decides. Each docstring below becomes a row of `docs/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
    )

    issuer: str
    """The address of this provider as the world sees it, without a slash at the end. https, but for the demo on
    localhost.
    """
    database_url: str = Field(validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    """`sqlite:////path/guidon.db` or `postgresql://user@host/name`."""
    keys: Path = Path("keys")
    """The folder of the sealing key, the pepper and the look-up key, made by `idp keys init`."""
    demo: bool = False
    """The only mode that is not production: stand-ins, the mailbox page and plain http on localhost exist only here."""
    policy: PolicyName = PolicyName.DS_LOGON
    """Which evidence gives which level: `ds_logon`, or the strict `sp800_63_4`."""
    smtp_url: str
    """The mail server: `smtp://host:25`, `smtp+starttls://user:password@host:587` or
    `smtps://user:password@host:465`.
    """
    mail_from: str = "Guidon <no-reply@localhost>"
    """The sender of every mail."""
    trusted_hops: Annotated[int, Field(ge=0, le=10)] = 0
    """How many proxies in front of this server may be believed about the address of who asks."""
    pkce_required: PkceRule = PkceRule.ALL
    """`all`, or `public`: confidential clients may then go without PKCE, which OpenID certification needs."""
    password_hash: PasswordHash = PasswordHash.ARGON2ID
    """How passwords are kept: `argon2id`, the stronger, which is not FIPS-approved; or `pbkdf2_sha256` (600,000 rounds),
    for houses that may only use what FIPS 140 approves. Either kind is checked whatever is chosen; who signs in next is
    kept the chosen way.
    """
    breached_passwords: Path | None = None
    """The file of passwords that were stolen elsewhere, made by `idp passwords import`. Not set: a new password is
    compared with the built-in lists only.
    """
    help_phone: str = ""
    """The telephone number of the service center, as the help pages show it. Empty: none is shown."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    """How much is logged."""
    deers_url: str = ""
    """The eligibility authority (DEERS), by https: the address before `/v1/…` of docs/deers-openapi.json. Empty: the embedded
    directory.
    """
    deers_certificate: Path | None = None
    """A PEM file with the certificate and key that we show the eligibility authority (mTLS)."""
    kbv_url: str = ""
    """The vendor of questions about credit and payments, by https. Empty: nobody is offered questions."""
    kbv_certificate: Path | None = None
    """A PEM file with the certificate and key that we show the vendor of questions (mTLS)."""
    letters: Path | None = None
    """The folder from which the print shop takes our letters. Not set: nobody is offered a code by post."""
    extra_ca: Path | None = None
    """A PEM file of certificate authorities that are believed beside the system's own, when a client's keys are fetched and when
    the eligibility authority or the vendor of questions is asked.
    """
    fetch_allow: str = ""
    """What may be fetched from although its address is private: host names and networks, such as
    `keys.example.mil, 10.20.0.0/16`. Empty: only public addresses.
    """
    mailbox: Path = Path("var/demo/mail")
    """Where the demo's mail catcher keeps what it caught."""

    @model_validator(mode="after")
    def _together(self) -> Self:
        """What one field alone cannot tell. Every fault is named, so that one start shows them all."""
        faults = [
            *_issuer_faults(self.issuer, demo=self.demo),
            *_smtp_faults(self.smtp_url, demo=self.demo),
            *_fetch_faults(self.extra_ca, self.fetch_allow),
            *_neighbour_faults("KBV", self.kbv_url, self.kbv_certificate, demo=self.demo),
            *_neighbour_faults("DEERS", self.deers_url, self.deers_certificate, demo=self.demo),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def fetch_allowed(self) -> tuple[frozenset[str], tuple[Network, ...]]:
        """The host names and the networks of `fetch_allow`."""
        words = self.fetch_allow.lower().replace(",", " ").split()
        networks = {word: network for word in words if (network := _network(word)) is not None}
        return frozenset(words) - networks.keys(), tuple(networks.values())

    @property
    def secure(self) -> bool:
        """Whether the provider is reached by https, so that cookies carry the `__Host-` prefix (R80)."""
        return self.issuer.startswith("https://")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the TOML file; no `.env` file and no secrets folder."""
        del dotenv_settings, file_secret_settings
        toml = os.environ.get("IDP_CONFIG")
        files = (TomlConfigSettingsSource(settings_cls, toml_file=toml),) if toml else ()
        return (init_settings, env_settings, *files)


def load() -> Settings:
    """The settings, or `ConfigFault` with everything that is wrong with them."""
    faults = _unknown_names()
    toml = os.environ.get("IDP_CONFIG")
    if toml and not Path(toml).is_file():
        faults.append("IDP_CONFIG names a file that is not there")
        raise ConfigFault(faults)
    try:
        settings = Settings()  # type: ignore[call-arg]  # its sources fill it
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False, include_input=False, include_context=False):
            name = str(error["loc"][0]) if error["loc"] else ""
            text = error["msg"].removeprefix("Value error, ")
            faults.extend(f"{_shown(name)}: {line}" if name else line for line in text.splitlines())
        raise ConfigFault(faults) from None
    except ValueError:
        raise ConfigFault([*faults, "IDP_CONFIG names a file that is not TOML"]) from None
    if faults:
        raise ConfigFault(faults)
    return settings


def _unknown_names() -> list[str]:
    known = {_shown(name) for name in Settings.model_fields} | _OUTSIDE
    return [
        f"{name}: there is no such setting"
        for name in sorted(os.environ)
        if name.startswith(_PREFIX) and name not in known
    ]


def _shown(name: str) -> str:
    return "DATABASE_URL" if name.lower() == "database_url" else _PREFIX + name.upper()


def _issuer_faults(issuer: str, *, demo: bool) -> list[str]:
    parts = urlsplit(issuer)
    faults = []
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ["IDP_ISSUER: must be an address such as https://id.example.org"]
    if parts.scheme == "http" and not (demo and parts.hostname in _LOOPBACK):
        faults.append("IDP_ISSUER: must be https (plain http is for the demo on localhost alone)")
    if parts.path or parts.query or parts.fragment or parts.username:
        faults.append("IDP_ISSUER: must be a bare origin: no path, query, fragment or user name")
    return faults


def _fetch_faults(extra_ca: Path | None, allow: str) -> list[str]:
    faults = []
    try:
        if extra_ca is not None and b"BEGIN CERTIFICATE" not in extra_ca.read_bytes():
            faults.append("IDP_EXTRA_CA: holds no PEM certificate")
    except OSError:
        faults.append("IDP_EXTRA_CA: names a file that cannot be read")
    words = allow.lower().replace(",", " ").split()
    if not all(_network(word) is not None or _HOST.fullmatch(word) for word in words):
        faults.append("IDP_FETCH_ALLOW: must be host names and networks such as 10.20.0.0/16")
    return faults


def _network(word: str) -> Network | None:
    try:
        return ip_network(word)
    except ValueError:
        return None


def _neighbour_faults(name: str, url: str, certificate: Path | None, *, demo: bool) -> list[str]:
    """Who is told an SSN: in clear it travels nowhere but inside the demo's own machine (R78)."""
    faults = []
    if url and not _is_private_to_us(url, demo=demo):
        faults.append(f"IDP_{name}_URL: must be https with a host, without a user name, query or fragment")
    if certificate is not None:
        try:
            # A key with a password of its own is refused, and not asked for on the terminal of whoever starts us.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, password="")
        except (OSError, ValueError):
            faults.append(f"IDP_{name}_CERTIFICATE: names no PEM file with a certificate and its own key")
    return faults


def _is_private_to_us(url: str, *, demo: bool) -> bool:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (demo and parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _smtp_faults(url: str, *, demo: bool) -> list[str]:
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps", "smtp+starttls"} or not parts.hostname:
        return ["IDP_SMTP_URL: must be smtp://, smtp+starttls:// or smtps:// with a host"]
    if parts.scheme == "smtp" and not demo and parts.hostname not in _LOOPBACK:
        return ["IDP_SMTP_URL: mail must not travel in clear: use smtp+starttls:// or smtps://"]
    return []
