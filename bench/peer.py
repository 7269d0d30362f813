"""The other side: npm's oidc-provider, installed from the lock file in `peer/`."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path

from bench import machine, sides
from bench.browser import Browser
from bench.machine import Cores
from bench.sides import ALGORITHMS, Client, Side
from devtools.children import Children
from devtools.demo import is_well
from devtools.terminal import ROOT, StopError, run, say

FOLDER = ROOT / "bench" / "peer"
MODULES = FOLDER / "node_modules"
ADDON = MODULES / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
STAMP = MODULES / ".installed"
MEMORY = "memory"
STARTS_WITHIN = 30.0


def install() -> bool:
    """Install the provider, and compile its SQLite where a compiler and Node's headers are. Tell whether SQLite is there.

    The package's own script would download a binary from elsewhere; it never runs.
    """
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if not STAMP.exists() or STAMP.read_text("ascii") != wanted:
        run(["npm", "ci", "--ignore-scripts", "--prefix", str(FOLDER)], doing="Installing oidc-provider")
        STAMP.write_text(wanted, "ascii")
    if not ADDON.exists():
        _compile()
    return ADDON.exists()


def _compile() -> None:
    headers = _headers()
    builder = Path(machine.told("npm", "root", "--global"), "npm/node_modules/node-gyp/bin/node-gyp.js")
    if not builder.exists():
        found = shutil.which("node-gyp")
        builder = Path(found) if found else builder
    if headers is None or not builder.exists() or shutil.which("g++") is None or shutil.which("make") is None:
        say(
            "SQLite for oidc-provider cannot be compiled here, so it is measured with its memory alone, which forgets\n"
            "everything when it ends. For both:  sudo apt-get install g++ make node-gyp libnode-dev"
        )
        return
    rebuild = ("rebuild", "--release", f"--nodedir={headers}", "-C", str(MODULES / "better-sqlite3"))
    try:
        run(["node", str(builder), *rebuild], doing="Compiling SQLite for oidc-provider (a minute or two)")
    except StopError as fault:
        say(f"{fault}\nGoing on with oidc-provider's memory alone.")


def _headers() -> Path | None:
    """Where this Node's C++ headers lie: a folder above `include/node`."""
    binary = shutil.which("node")
    places = [Path(binary).resolve().parent.parent] if binary else []
    return next((place for place in (*places, Path("/usr")) if (place / "include/node/node.h").exists()), None)


def start(children: Children, cores: Cores, *, store: str, folder: Path) -> Side:
    """Start it on the servers' core. Its sign-in asks nothing, so any flow signs the browser in."""
    port = sides.free_port()
    name = "oidc-provider, memory" if store == MEMORY else "oidc-provider, SQLite"
    clients = {
        "confidential": Client("confidential", secrets.token_urlsafe(32), ALGORITHMS[0]),
        "confidential ES256": Client("confidential-es256", secrets.token_urlsafe(32), ALGORITHMS[1]),
        "public": Client("public", None, ALGORITHMS[0]),
    }
    options = {
        "port": port,
        "store": store if store == MEMORY else str(folder / store),
        "clients": [_registered(client) for client in clients.values()],
    }
    words = cores.pinned(cores.server, "node", str(FOLDER / "server.mjs"), json.dumps(options))
    children.start(name, words, env={"NODE_ENV": "production", "PATH": os.environ["PATH"]})
    session = children.running[-1].process.pid
    origin = f"http://localhost:{port}"
    children.wait_until([(name, lambda: is_well(f"{origin}/healthz"))], within=STARTS_WITHIN)
    idle = machine.memory(session)
    paths = sides.endpoints(origin)
    return Side(name, port, session, clients, paths, Browser(origin), idle)


def version() -> str:
    about = json.loads((MODULES / "oidc-provider" / "package.json").read_text("utf-8"))
    return str(about["version"])


def _registered(client: Client) -> dict[str, object]:
    told: dict[str, object] = {
        "client_id": client.id,
        "redirect_uris": [sides.REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none" if client.secret is None else "client_secret_basic",
        "id_token_signed_response_alg": client.alg,
    }
    return told if client.secret is None else {**told, "client_secret": client.secret}
