"""The portal's settings: read from the environment once, checked all together, never printed.

This is the only place of the portal that looks at the environment.
"""

import ipaddress
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

_HERE = Path(__file__).resolve().parent
# In a checkout the shared style sheet lies beside this package, in an installation inside the provider's folder.
_STATIC = (_HERE.parent / "static", _HERE.parent / "idp" / "static")

_DEFAULTS = {
    "PORTAL_ISSUER": "http://localhost:5000",
    "PORTAL_BASE_URL": "http://localhost:5001",
    "PORTAL_HOST": "127.0.0.1",
    "PORTAL_PORT": "5001",
}
_KNOWN = frozenset({*_DEFAULTS, "PORTAL_CLIENT_ID", "PORTAL_CLIENT_SECRET", "PORTAL_CLIENT_FILE", "PORTAL_CA_FILE"})


class SettingsError(Exception):
    """Everything that is wrong with the settings, one sentence each, without any value: some of them are secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    issuer: str
    """The provider, exactly as it names itself in discovery and in `iss`."""
    client_id: str
    client_secret: str = field(repr=False)
    base_url: str = _DEFAULTS["PORTAL_BASE_URL"]
    """Where people reach this portal. Redirect addresses are built from it, never from a Host header."""
    host: str = _DEFAULTS["PORTAL_HOST"]
    port: int = int(_DEFAULTS["PORTAL_PORT"])
    ca_file: Path | None = None
    """Certificates to trust for the provider, in place of the system's."""
    static: Path = _STATIC[0]

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def own_host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def issuer_origin(self) -> str:
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def issuer_is_local(self) -> bool:
        return _is_loopback(urlsplit(self.issuer))

    @property
    def callback(self) -> str:
        return f"{self.base_url}/callback"

    @property
    def signed_out(self) -> str:
        return f"{self.base_url}/signed-out"


def from_environment() -> Settings:
    """What `python -m portal` runs with."""
    return read(os.environ)


def read(environ: Mapping[str, str]) -> Settings:
    """Build the settings, or raise one `SettingsError` that names every fault at once."""
    values = {**_DEFAULTS, **{key: value for key, value in environ.items() if key.startswith("PORTAL_") and value}}
    faults = [f"{key} is no setting of the portal" for key in sorted(values.keys() - _KNOWN)]
    issuer = _check_url("PORTAL_ISSUER", values, faults)
    base_url = _check_url("PORTAL_BASE_URL", values, faults)
    if urlsplit(base_url).path:
        faults.append("PORTAL_BASE_URL must end with the host or the port: the pages are at its root")
    client_id, client_secret = _check_client(values, faults)
    ca_file = _check_ca_file(values, faults)
    static = next((folder for folder in _STATIC if (folder / "manifest.json").is_file()), None)
    if static is None:
        faults.append("the folder of style sheets (static/manifest.json) is missing beside the portal")
    port = values["PORTAL_PORT"]
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        faults.append("PORTAL_PORT must be a number from 1 to 65535")
    if faults or static is None:
        raise SettingsError(faults)
    return Settings(
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        base_url=base_url,
        host=values["PORTAL_HOST"],
        port=int(port),
        ca_file=ca_file,
        static=static,
    )


def _check_url(key: str, values: Mapping[str, str], faults: list[str]) -> str:
    # The issuer is compared letter by letter with `iss` (OIDC Discovery §4.3), so only a slash too many is forgiven.
    url = values[key].rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        faults.append(f"{key} is no address")
        return ""
    if not usable or parts.username is not None or parts.query or parts.fragment:
        faults.append(f"{key} must be an address like https://portal.example, without user, query or fragment")
    elif parts.scheme == "http" and not _is_loopback(parts):
        faults.append(f"{key} must begin with https:// (http:// is for localhost only)")
    return url


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_client(values: Mapping[str, str], faults: list[str]) -> tuple[str, str]:
    path = values.get("PORTAL_CLIENT_FILE")
    if path is None:
        client_id, client_secret = values.get("PORTAL_CLIENT_ID"), values.get("PORTAL_CLIENT_SECRET")
        if client_id and client_secret:
            return client_id, client_secret
        faults.append("give PORTAL_CLIENT_FILE, or PORTAL_CLIENT_ID together with PORTAL_CLIENT_SECRET")
        return "", ""
    if "PORTAL_CLIENT_ID" in values or "PORTAL_CLIENT_SECRET" in values:
        faults.append("give either PORTAL_CLIENT_FILE or PORTAL_CLIENT_ID with PORTAL_CLIENT_SECRET, not both")
    try:
        client = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        faults.append("PORTAL_CLIENT_FILE cannot be read, or holds no JSON")
        return "", ""
    client_id, client_secret = (
        (client.get("client_id"), client.get("client_secret")) if isinstance(client, dict) else (None, None)
    )
    if not (isinstance(client_id, str) and isinstance(client_secret, str) and client_id and client_secret):
        faults.append("PORTAL_CLIENT_FILE must hold client_id and client_secret (`idp clients create --json` makes it)")
        return "", ""
    return client_id, client_secret


def _check_ca_file(values: Mapping[str, str], faults: list[str]) -> Path | None:
    if "PORTAL_CA_FILE" not in values:
        return None
    path = Path(values["PORTAL_CA_FILE"])
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        faults.append("PORTAL_CA_FILE cannot be read, or holds no certificate")
    return path
