"""`idp passwords`: bringing in a list of stolen passwords, and asking about one; as processes, with exit codes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idp.credentials.breached import BreachedFault, BreachedFile
from tests.idp_command import Done, environment_of, run_idp
from tests.relying_party import on_sqlite
from tests.world import World

pytestmark = on_sqlite

STOLEN = "seven herons in a row"

Idp = Callable[..., Done]


def _list(*stolen: str) -> str:
    digests = sorted(hashlib.sha1(each.encode(), usedforsecurity=False).hexdigest().upper() for each in stolen)
    return "".join(f"{digest}:12\r\n" for digest in digests)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "breached.bin"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text(_list(STOLEN, "another one of them"), newline="")
    return path


@pytest.fixture
def environment(world: World, target: Path) -> dict[str, str]:
    return environment_of(world) | {"IDP_BREACHED_PASSWORDS": str(target)}


@pytest.fixture
def idp(environment: dict[str, str]) -> Idp:
    def run(*words: str, typed: str = "", **changes: str) -> Done:
        return run_idp(environment | changes, "passwords", *words, typed=typed)

    return run


def _json(done: Done) -> Any:
    return json.loads(done.stdout)


def test_a_list_is_imported_shown_and_asked(idp: Idp, source: Path, target: Path) -> None:
    """R6, R160: the password comes by standard input and is never said back. Nothing but the end is told where nobody looks."""
    done = idp("import", str(source))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{target} holds 2 stolen passwords.\n"
    shown = _json(idp("show", "--json"))
    assert (shown["entries"], shown["file"]) == (2, str(target))
    assert "2 stolen passwords" in idp("show").stdout
    for typed, reason in [
        (STOLEN, "password_breached"),
        ("q8 zk4", "password_too_short"),
        ("mrivera mrivera mrivera", "password_common"),
        ("blue kettle over Tuesday", None),
    ]:
        asked = idp("check", "--username", "mrivera", "--json", typed=f"{typed}\n")
        assert _json(asked) == {"allowed": reason is None, "reason": reason}
        assert asked.returncode == (0 if reason is None else 1)
        assert typed not in asked.stdout + asked.stderr
    said = idp("check", typed=f"{STOLEN}\r\n")
    assert (said.returncode, said.stdout) == (1, "It could not be chosen: it was stolen elsewhere.\n")
    assert idp("check", "--second-factor", typed="q8#rT2v!\n").returncode == 0


def test_a_bad_list_replaces_nothing_and_names_its_line(idp: Idp, source: Path, target: Path) -> None:
    assert idp("import", str(source)).returncode == 0
    before = target.read_bytes()
    lines = _list("one", "two", "three").splitlines(keepends=True)
    source.write_text("".join([lines[0], lines[2], lines[1]]), newline="")
    done = idp("import", str(source), "--json")
    assert (done.returncode, _json(done)["imported"], _json(done)["line"]) == (1, False, 3)
    source.write_text(lines[0] + "rubbish\n", newline="")
    done = idp("import", str(source))
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 2" in done.stderr
    source.write_bytes(b"")
    assert "empty" in idp("import", str(source)).stderr
    assert target.read_bytes() == before


def test_an_import_that_is_killed_leaves_the_file_before_it(
    environment: dict[str, str], idp: Idp, source: Path, target: Path, tmp_path: Path
) -> None:
    """And the next one does not stumble over what it left; while one runs, another waits for nothing."""
    assert idp("import", str(source)).returncode == 0
    before = target.read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    importing = subprocess.Popen([sys.executable, "-m", "idp", "passwords", "import", str(pipe)], env=environment)
    with pipe.open("w", newline="") as feed:
        feed.write("".join(f"{number:040X}:1\r\n" for number in range(1, 60_000)))
        feed.flush()
        half = target.with_name(f".{target.name}.part")
        _wait(lambda: half.exists() and half.stat().st_size > 32)
        assert "another import" in idp("import", str(source)).stderr
        importing.send_signal(signal.SIGKILL)
        importing.wait(timeout=30)
    assert target.read_bytes() == before
    assert BreachedFile(target).holds(STOLEN)
    assert idp("import", str(source)).returncode == 0
    assert not half.exists()


def test_what_is_not_named_or_not_there_is_said(idp: Idp, target: Path) -> None:
    assert idp("show", IDP_BREACHED_PASSWORDS="").returncode != 0
    missing = idp("show")
    assert missing.returncode == 1
    assert "idp passwords import" in missing.stderr
    target.write_bytes(b"rubbish")
    assert "cut short" in idp("check", typed="blue kettle over Tuesday\n").stderr


def test_without_a_setting_the_built_in_lists_are_asked(
    environment: dict[str, str], world: World, source: Path
) -> None:
    bare = {name: value for name, value in environment.items() if name != "IDP_BREACHED_PASSWORDS"}

    def run(*words: str) -> Done:
        return run_idp(bare, *words, typed=f"{STOLEN}\n")

    assert run("passwords", "check").returncode == 0
    for words in (("show",), ("import", str(source))):
        done = run("passwords", *words)
        assert done.returncode == 3
        assert "IDP_BREACHED_PASSWORDS" in done.stderr
    world.mails()
    found = json.loads(run("doctor", "--json").stdout)
    assert found["breached"]["ok"]


def test_neither_start_nor_doctor_goes_on_without_the_file_that_is_named(
    environment: dict[str, str], world: World, target: Path, idp: Idp, source: Path
) -> None:
    """R6: a list that is named and cannot be asked stops the start, and everything else can still be done."""

    def run(*words: str) -> Done:
        return run_idp(environment, *words)

    world.mails()
    for content in (None, b"rubbish"):
        if content is not None:
            target.write_bytes(content)
        assert not json.loads(run("doctor", "--json").stdout)["breached"]["ok"]
        served = run("serve", "--port", "1")
        assert served.returncode == 1
        assert "breached passwords" in served.stderr
        assert "Traceback" not in served.stderr
        assert run("accounts", "list").returncode == 0
    assert idp("import", str(source)).returncode == 0
    assert json.loads(run("doctor", "--json").stdout)["breached"]["says"].startswith("2 stolen passwords")


def test_an_app_is_not_made_without_the_file_that_is_named(
    database_url: str, keys_folder: Path, tmp_path: Path, target: Path
) -> None:
    """R6: whichever server loads it."""
    with pytest.raises(BreachedFault):
        World(database_url, keys_folder, tmp_path, breached_passwords=target)


def _wait(ready: Callable[[], bool]) -> None:
    for _ in range(600):
        if ready():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")
