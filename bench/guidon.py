"""Our side: the real server on its default database, set up by the real commands and signed in to through the real pages."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bench import machine, sides
from bench.browser import Browser
from bench.machine import Cores
from bench.sides import ALGORITHMS, Client, Side
from devtools.children import Children
from devtools.demo import is_well
from devtools.terminal import StopError, run

NAME = "Guidon, SQLite"
IDP = (sys.executable, "-m", "idp")
PEOPLE = 1000
SEED = 1
STARTS_WITHIN = 60.0


def environment(folder: Path) -> dict[str, str]:
    """The settings of the demo, for its ready accounts; nothing of a real installation in this shell leaks in."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return mine | {
        "IDP_DEMO": "1",
        "IDP_KEYS": str(folder / "keys"),
        "IDP_SMTP_URL": "smtp://localhost:5025",  # nothing is mailed: no worker runs
        "IDP_MAILBOX": str(folder / "mail"),
        "DATABASE_URL": f"sqlite:///{folder / 'guidon.db'}",
    }


def issuing(env: Mapping[str, str], origin: str) -> dict[str, str]:
    """The settings of the server at this address."""
    return {**env, "IDP_ISSUER": origin}


def start(children: Children, cores: Cores, folder: Path) -> Side:
    """Make everything anew, start one worker on the servers' core, and sign a ready account in."""
    port = sides.free_port()
    origin = f"http://localhost:{port}"
    env = issuing(children.env, origin)
    directory = folder / "deers.jsonl"
    steps = (
        ("Making keys", ("keys", "init")),
        ("Making the database", ("db", "upgrade")),
        (
            "Inventing people",
            ("deers", "generate", "--people", str(PEOPLE), "--seed", str(SEED), "--out", str(directory)),
        ),
        ("Loading them", ("deers", "import", str(directory))),
        ("Making the ready accounts", ("demo", "accounts")),
    )
    for doing, words in steps:
        run([*IDP, *words], doing=doing, env=env)
    clients = {
        "confidential": _register(env, ALGORITHMS[0]),
        "confidential ES256": _register(env, ALGORITHMS[1]),
        "public": _register(env, ALGORITHMS[0], "--type", "spa"),
    }
    serve = [*IDP, "serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    children.start(NAME, cores.pinned(cores.server, *serve), env=env)
    session = children.running[-1].process.pid
    children.wait_until([(NAME, lambda: is_well(f"{origin}/healthz"))], within=STARTS_WITHIN)
    idle = machine.memory(session)
    browser = Browser(origin)
    _sign_in(browser, env)
    return Side(NAME, port, session, clients, sides.endpoints(origin), browser, idle)


def _register(env: dict[str, str], alg: str, *words: str) -> Client:
    """A first-party client by the operator's command, so that consent asks nothing."""
    scopes = [word for scope in sides.SCOPE.split() for word in ("--scope", scope)]
    wanted = ["--name", f"Bench {alg}", "--redirect-uri", sides.REDIRECT_URI, "--id-token-alg", alg, "--first-party"]
    made = json.loads(run([*IDP, "clients", "create", *wanted, *scopes, *words, "--json"], doing="A client", env=env))
    return Client(made["client_id"], made.get("client_secret"), alg)


def _sign_in(browser: Browser, env: dict[str, str]) -> None:
    listed = json.loads(run([*IDP, "demo", "people", "--json"], doing="Looking up whom to sign in", env=env))
    account = listed["ready_accounts"][0]
    browser.open("/login")
    ended = browser.submit(username=account["username"], password=account["password"])
    if not ended.startswith(f"{browser.origin}/account"):
        raise StopError(f"{account['username']} could not sign in.\n{browser.said()}")
