"""The demo: a provider, its worker, a portal and a mail catcher, on invented people."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devtools import environment, guide, ports
from devtools.children import Children, listen
from devtools.terminal import ROOT, StopError, run, say

PEOPLE = 1000
SEED = 1
STARTS_WITHIN = 120.0
FOLDER = ROOT / "var" / "demo"


@dataclass(frozen=True)
class Demo:
    """Where everything of one demo lies, and on which ports it answers."""

    port: int
    portal_port: int
    mail_port: int
    folder: Path = FOLDER
    size: int = PEOPLE

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def portal(self) -> str:
        return f"http://localhost:{self.portal_port}"

    @property
    def database(self) -> Path:
        return self.folder / "idp.db"

    @property
    def client(self) -> Path:
        return self.folder / "portal.json"

    @property
    def cast(self) -> Path:
        """Whom to try, listed on the day that they were loaded: some are born a number of years before it."""
        return self.folder / "cast.json"

    @property
    def finished(self) -> Path:
        """Written last, so that data cut off half-way is known for what it is."""
        return self.folder / "ready"

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What the programs see. Settings of a real installation in this shell must not leak into the demo."""
        mine = {name: value for name, value in given.items() if not name.startswith(("IDP_", "PORTAL_"))}
        return mine | {
            "IDP_DEMO": "1",
            "IDP_HELP_PHONE": "800-555-0100",  # of the numbers that are never given out
            "IDP_ISSUER": self.issuer,
            "IDP_KEYS": str(self.folder / "keys"),
            "IDP_SMTP_URL": f"smtp://localhost:{self.mail_port}",
            "IDP_MAILBOX": str(self.folder / "mail"),
            "IDP_LETTERS": str(self.folder / "letters"),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "PORTAL_ISSUER": self.issuer,
            "PORTAL_BASE_URL": self.portal,
            "PORTAL_HOST": "127.0.0.1",
            "PORTAL_PORT": str(self.portal_port),
            "PORTAL_CLIENT_FILE": str(self.client),
        }

    def ports(self) -> list[ports.Port]:
        return [
            ports.Port(self.port, "provider", "--port"),
            ports.Port(self.portal_port, "portal", "--portal-port"),
            ports.Port(self.mail_port, "mail catcher", "--mail-port"),
        ]


def start(demo: Demo, *, fresh: bool) -> None:
    """Set up what is missing, start all, and stay until somebody asks to stop."""
    listen()
    ports.check_localhost()
    ports.check_free(demo.ports())
    python = environment.ensure(environment.RUN_TIME)
    env = demo.environment(os.environ)
    with _only_one(demo), Children(env=env, logs=demo.folder) as children:
        if fresh and demo.folder.exists():
            say(f"Deleting the demo's data in {demo.folder}.")
            shutil.rmtree(demo.folder)
        prepare(demo, python, env)
        bring_up(demo, children, python)
        children.check()
        people = guide.cast(demo.cast)
        say(guide.page(issuer=demo.issuer, portal=demo.portal, folder=demo.folder, people=people))
        children.watch()


def bring_up(demo: Demo, children: Children, python: str) -> None:
    """Start all four programs, and wait until each of them answers."""
    idp = (python, "-m", "idp")
    children.start("mail catcher", [*idp, "demo", "mail", "--port", str(demo.mail_port)])
    children.start("provider", [*idp, "serve", "--host", "127.0.0.1", "--port", str(demo.port)])
    children.start("worker", [*idp, "worker"])
    children.start("portal", [python, "-m", "portal"])
    children.wait_until(
        [
            ("mail catcher", lambda: ports.answers(demo.mail_port)),
            ("provider", lambda: is_well(f"{demo.issuer}/healthz")),
            ("portal", lambda: is_well(f"{demo.portal}/healthz")),
        ],
        within=STARTS_WITHIN,
    )


def prepare(demo: Demo, python: str, env: dict[str, str]) -> None:
    """Keys, database, directory, accounts and the portal's registration: made once, kept ever after."""
    idp = (python, "-m", "idp")
    if not demo.finished.exists():
        if demo.folder.exists():
            say(f"The demo's data in {demo.folder} was not finished last time: making it anew.")
            shutil.rmtree(demo.folder)
        demo.folder.mkdir(parents=True)
        directory = demo.folder / "deers.jsonl"
        steps = (
            ("Making keys", ("keys", "init")),
            ("Making the database", ("db", "upgrade")),
            (
                f"Inventing a directory of {demo.size:,} people",
                ("deers", "generate", "--people", str(demo.size), "--seed", str(SEED), "--out", str(directory)),
            ),
            ("Loading the directory", ("deers", "import", str(directory))),
            ("Making the accounts that are ready to use", ("demo", "accounts")),
        )
        for doing, words in steps:
            run([*idp, *words], doing=doing, env=env)
        _register(demo, python, env)
        demo.cast.write_text(run([*idp, "demo", "people", "--json"], doing="Listing whom to try", env=env), "utf-8")
        demo.finished.write_text("The demo's data is complete.\n", "utf-8")
    else:
        _bring_up_to_date(demo, idp, env)
        if json.loads(demo.client.read_text("utf-8")).get("portal") != demo.portal:
            _register(demo, python, env)  # it moved to another port, so its redirect URI is another


def is_well(address: str) -> bool:
    """Whether it answers 200; proxies of this shell have no say about localhost."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _register(demo: Demo, python: str, env: dict[str, str]) -> None:
    words = [
        *("clients", "create", "--json", "--first-party", "--name", "Alder Harbor Health"),
        *("--redirect-uri", f"{demo.portal}/callback", "--post-logout-redirect-uri", f"{demo.portal}/signed-out"),
    ]
    made = json.loads(run([python, "-m", "idp", *words], doing="Registering the portal", env=env))
    handle = os.open(demo.client, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as to:
        json.dump({**made, "issuer": demo.issuer, "portal": demo.portal}, to, indent=1)


def _bring_up_to_date(demo: Demo, idp: tuple[str, ...], env: dict[str, str]) -> None:
    """Migrate a database that an older version made; stop where that does not help."""
    try:
        run([*idp, "db", "check"], doing="Checking the database", env=env)
    except StopError:
        say("The demo's database was made by another version of Guidon. Bringing it up to date.")
    else:
        return
    try:
        run([*idp, "db", "upgrade"], doing="Migrating the database", env=env)
        run([*idp, "db", "check"], doing="Checking the database", env=env)
    except StopError as fault:
        raise StopError(
            f"The demo's database in {demo.folder} does not fit this version.\n{fault}\n\n"
            f"To start over with new data (this deletes {demo.folder}):\n\n    python3 dev.py demo --fresh\n"
        ) from None


def _only_one(demo: Demo) -> IO[str]:
    """Held while the demo runs; the system lets go of it however the demo ends."""
    demo.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = demo.folder.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StopError(f"A demo on {demo.folder} is running already. Stop it first (Ctrl-C where it runs).") from None
    return lock


def placed(port: int, portal_port: int | None, mail_port: int | None, folder: Path = FOLDER) -> Demo:
    """Moving the provider moves the others along, so that one option is enough."""
    return Demo(port, portal_port or port + 1, mail_port or port + 25, folder.resolve())
