"""What a machine lacks for some of the tests: said to a person, whose other tests run; a failure where a machine asked."""

import json
from pathlib import Path

import pytest

from devtools import checks, interop
from devtools.checks import Need
from devtools.terminal import StopError

LACKING = Need("browser", "browser tests", lambda: ["a-browser"])


@pytest.fixture(autouse=True)
def may_install_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def test_a_person_is_told_and_goes_on_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert checks.have(LACKING) is False
    said = capsys.readouterr().out
    assert "The browser tests need a-browser of Debian, not installed here." in said
    assert "Going on WITHOUT the browser tests." in said


def test_a_machine_gets_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(StopError, match="a-browser"):
        checks.have(LACKING)


def test_whoever_lacks_nothing_hears_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.have(Need("browser", "browser tests", list))
    assert capsys.readouterr().out == ""


def test_every_need_is_a_mark_that_pytest_knows(pytestconfig: pytest.Config) -> None:
    known = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert {need.mark for need in checks.needs()} <= known


def test_the_lock_file_holds_what_the_tests_use_and_no_address() -> None:
    wanted = json.loads(Path(interop.FOLDER, "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads(Path(interop.FOLDER, "package-lock.json").read_text("utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in package and "resolved" not in package for name, package in locked.items() if name)
