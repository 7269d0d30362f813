"""`python3 dev.py demo` as a person meets it: the real programs, on real ports, from nothing to Ctrl-C and again."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.terminal import ROOT

READY = "Ctrl-C stops everything"
SECOND_START = 60.0
"""Seconds, on a busy machine; alone it takes a few."""


@pytest.fixture
def port() -> int:
    """The first of a run of free ports: provider, portal and mail catcher."""
    for first in range(23200, 23900, 30):
        try:
            for number in (first, first + 1, first + 25):
                with socket.socket() as trying:
                    trying.bind(("127.0.0.1", number))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


class Terminal:
    """One run of the demo, and what it said so far."""

    def __init__(self, data: Path, port: int, *options: str) -> None:
        argv = [sys.executable, "dev.py", "demo", "--data", str(data), "--port", str(port), *options]
        self.process = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = ""

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return self.said
        self.process.stdout.close()
        raise AssertionError(f"it ended with {self.process.wait()} before it said {text!r}:\n{self.said}")

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=30)[0]
        return self.process.returncode


@pytest.fixture
def running(tmp_path: Path, port: int) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "demo", port)
    yield terminal
    if terminal.process.poll() is None:
        terminal.end(signal.SIGTERM)


def fetch(address: str) -> int:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return int(answer.status)


@pytest.mark.timeout(240)
def test_it_runs_says_where_and_stops_and_comes_back_with_its_data(
    running: Terminal, tmp_path: Path, port: int
) -> None:
    said = running.read_until(READY)
    assert f"http://localhost:{port + 1}" in said
    assert "People to register" in said
    assert "Ready accounts" in said
    assert fetch(f"http://localhost:{port}/healthz") == 200
    assert fetch(f"http://localhost:{port}/demo/mailbox") == 200
    assert fetch(f"http://localhost:{port + 1}/") == 200
    client = tmp_path / "demo" / "portal.json"
    assert stat.S_IMODE(client.stat().st_mode) == 0o600
    registered = json.loads(client.read_text())

    assert running.end(signal.SIGINT) == 0
    assert running.said.endswith("Stopped.\n")
    assert "Traceback" not in running.said
    for number in (port, port + 1, port + 25):
        with socket.socket() as asking:
            assert asking.connect_ex(("127.0.0.1", number)) != 0, f"something still listens on {number}"

    began = time.monotonic()
    again = Terminal(tmp_path / "demo", port)
    again.read_until(READY)
    assert time.monotonic() - began < SECOND_START
    assert json.loads(client.read_text()) == registered, "the second run keeps what the first one made"
    assert again.end(signal.SIGTERM) == 0


def test_a_taken_port_stops_it_before_anything_is_made(tmp_path: Path, port: int) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port + 1))
        holder.listen()
        terminal = Terminal(tmp_path / "demo", port)
        said = terminal.process.communicate(timeout=30)[0]
    assert terminal.process.returncode == 1
    assert f"Port {port + 1} is taken" in said
    assert "The portal needs it; --portal-port picks another." in said
    assert not (tmp_path / "demo").exists()
