"""The words after `dev.py bench`, and the order of the work."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import IO

from bench import guidon, machine, peer, report, rounds, weights
from bench.report import Told
from bench.rounds import FLOWS, REQUESTS, Results
from bench.weights import Weight
from devtools.children import Children, StoppedError, listen
from devtools.terminal import ROOT, StopError, say

FOLDER = ROOT / "var" / "bench"


def main(words: Sequence[str]) -> int:
    """Measure, print, and write where that was asked; 0 done, 1 not measured, 2 not understood."""
    asked = parser().parse_args(words)
    try:
        listen()
        with _only_one():
            results, pages = measure(asked)
    except StopError as stop:
        say(f"\n{stop}")
        return stop.code
    except StoppedError:
        say("\nStopped; nothing was written.")
        return 1
    told = Told(machine=machine.described(), versions=_versions())
    if results is not None:
        say(f"\n{report.speeds(results)}\n\n{report.costs(results)}\n")
        if doubt := report.doubts(results):
            say(f"Not to be quoted: {doubt}.\n")
    if pages:
        say(f"{report.weights(pages)}\n")
    if asked.write:
        report.write(report.page(told, results, pages))
        say(f"Written to {report.PAGE.relative_to(ROOT)}.")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python3 dev.py bench",
        description="Measure Guidon beside npm's oidc-provider on this machine: ten minutes, or thirty if it is not quiet.",
    )
    top.add_argument("--short", action="store_true", help="one round of two seconds each: to see that it works")
    top.add_argument("--flows", action="store_true", help="whole code flows only")
    top.add_argument("--alone", action="store_true", help="Guidon only")
    top.add_argument("--weights", action="store_true", help="only weigh the pages")
    top.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    return top


def measure(asked: argparse.Namespace) -> tuple[Results | None, list[Weight]]:
    """Start the servers in an empty folder, measure, weigh, and stop them whatever happens."""
    if not asked.weights or not asked.alone:
        machine.check_tools()
    cores = machine.cores()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    beside = not asked.alone and not asked.weights
    durable = peer.install() if beside else False
    env = guidon.environment(FOLDER)
    with Children(env=env, logs=FOLDER) as children:
        ours = guidon.start(children, cores, FOLDER)
        pages = [] if asked.flows else weights.weigh(ours)
        if asked.weights:
            return None, pages
        sides = [ours]
        if beside:
            stores = ["peer.db", peer.MEMORY] if durable else [peer.MEMORY]
            sides += [peer.start(children, cores, store=store, folder=FOLDER) for store in stores]
        results = rounds.take(
            sides,
            FLOWS if asked.flows else (*FLOWS, *REQUESTS),
            cores,
            rounds=1 if asked.short else 3,
            tries=1 if asked.short else 3,
            seconds=2 if asked.short else 8,
        )
        children.check()
        return results, pages


def _only_one() -> IO[str]:
    """Held while we measure: two at once would measure each other, in one folder."""
    FOLDER.parent.mkdir(exist_ok=True)
    lock = FOLDER.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StopError("The benchmarks of this checkout are running already.") from None
    return lock


def _versions() -> str:
    names = ("granian", "Flask", "SQLAlchemy", "Authlib", "joserfc", "cryptography")
    there = f", oidc-provider {peer.version()}" if peer.MODULES.exists() else ""
    return f"Guidon {_own_version()}, " + ", ".join(f"{name} {version(name)}" for name in names) + there


def _own_version() -> str:
    """The checkout's own, which is not installed anywhere."""
    text = (ROOT / "setup.cfg").read_text("utf-8")
    return next(line.partition("=")[2].strip() for line in text.splitlines() if line.startswith("version"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
