"""The programs that the demo starts, watches and stops."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from devtools.terminal import ROOT, Progress, StopError, leash, tail

PATIENCE = 10.0
"""Seconds that a child has to end by itself before it is killed."""
ENOUGH = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class StoppedError(BaseException):
    """A person, or the system, asked the demo to end. No `Exception`: nothing on the way may take it for a fault."""


class Child:
    """One running program with a log of its own."""

    def __init__(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as to:
            # A session of its own, so that Ctrl-C reaches dev.py alone, which then stops all in order; a leash, so
            # that nothing is left running if dev.py itself is killed.
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=to,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=env,
                start_new_session=True,
                preexec_fn=leash(),  # noqa: PLW1509 - dev.py has one thread
            )

    def check(self) -> None:
        """Stop everything if this one has died, and show why."""
        code = self.process.poll()
        if code is not None:
            raise StopError(
                f"The {self.name} ended by itself (code {code}). The end of {self.log}:\n\n{tail(self.log)}"
            )


class Children:
    """All of them together: started in order, watched, and stopped whatever happens."""

    def __init__(self, *, env: Mapping[str, str], logs: Path, patience: float = PATIENCE) -> None:
        self.env = env
        self.patience = patience
        self.logs = logs
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A second Ctrl-C must not leave half of them running.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ENOUGH}
        self.stop()
        for number, handler in before.items():
            signal.signal(number, handler)

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        log = self.logs / f"{name.replace(' ', '-')}.log"
        self.running.append(Child(name, argv, env={**self.env, **(env or {})}, log=log))

    def check(self) -> None:
        for child in self.running:
            child.check()

    def wait_until(self, ready: Sequence[tuple[str, Callable[[], bool]]], *, within: float) -> None:
        """Wait for every one to say that it is ready; a child that dies meanwhile ends the waiting."""
        for name, is_ready in ready:
            progress = Progress(f"Waiting for the {name}")
            while not is_ready():
                self.check()
                if progress.elapsed > within:
                    log = next((child.log for child in self.running if child.name == name), self.logs)
                    raise StopError(
                        f"The {name} does not answer after {within:.0f} s. The end of {log}:\n\n{tail(log)}"
                    )
                progress.tick()
                time.sleep(0.1)
            progress.end("ready")

    def watch(self) -> None:
        """Until somebody asks to stop, or one of them dies."""
        while True:
            self.check()
            time.sleep(0.3)

    def stop(self) -> None:
        """Ask all of them at once, in the reverse order; kill whoever does not listen."""
        for child in reversed(self.running):
            _signal(child, signal.SIGTERM)
        until = time.monotonic() + self.patience
        for child in reversed(self.running):
            try:
                child.process.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
            _signal(child, signal.SIGKILL)  # workers that outlived the program that started them
        self.running.clear()


def listen() -> None:
    """From here on, Ctrl-C, SIGTERM and a closed terminal all raise `StoppedError`."""
    for number in ENOUGH:
        signal.signal(number, _stop)


def _signal(child: Child, number: signal.Signals) -> None:
    """To the whole session of the child, since servers start workers of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise StoppedError
