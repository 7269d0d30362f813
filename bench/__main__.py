"""The words after `dev.py bench`, and the order of the work."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from bench import deers, deers_report, guidon, machine, peer, report, rounds, signing_in, weights
from bench.deers import Deers
from bench.report import Told
from bench.rounds import FLOWS, REQUESTS, Results
from bench.signing_in import SignIns
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
            directory = _directory(asked) if asked.deers else None
            results, signing, pages = measure(asked) if _others(asked) else (None, None, [])
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
    if signing is not None:
        say(f"\n{report.sign_ins(signing)}\n\n{report.meanwhile(signing)}\n\n{report.flood(signing)}\n")
        if doubt := report.doubts_of_sign_ins(signing):
            say(f"Not to be quoted: {doubt}.\n")
    if pages:
        say(f"{report.weights(pages)}\n")
    if directory is not None:
        say(f"\n{deers_report.text(directory)}\n")
        if doubt := deers_report.doubts(directory):
            say(f"Not to be quoted: {doubt}.\n")
    if asked.write:
        parts = report.page(told, results, signing, pages)
        if directory is not None:
            parts["deers"] = report.part(told, deers_report.doubts(directory), deers_report.text(directory))
        report.write(parts)
        say(f"Written to {report.PAGE.relative_to(ROOT)}.")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python3 dev.py bench",
        description="Measure Guidon beside npm's oidc-provider on this machine: ten minutes, or thirty if it is not quiet.",
    )
    top.add_argument("--short", action="store_true", help="one round of two seconds each: to see that it works")
    top.add_argument("--flows", action="store_true", help="whole code flows only")
    top.add_argument("--sign-in", action="store_true", help="signing in only: four minutes, if the machine is quiet")
    top.add_argument("--alone", action="store_true", help="Guidon only")
    top.add_argument("--weights", action="store_true", help="only weigh the pages")
    top.add_argument("--deers", action="store_true", help="the directory only, up to a million people: half an hour")
    top.add_argument(
        "--deers-sizes", type=_counts, default=deers.SIZES, metavar="N,N…", help="of how many people, for --deers"
    )
    top.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    return top


def measure(asked: argparse.Namespace) -> tuple[Results | None, SignIns | None, list[Weight]]:
    """Start the servers in an empty folder, measure, weigh, and stop them whatever happens."""
    some = asked.flows or asked.sign_in or asked.weights
    if not asked.weights or not asked.alone:
        machine.check_tools()
    cores = machine.cores()
    _empty()
    beside = (not some or asked.flows) and not asked.alone
    durable = peer.install() if beside else False
    env = guidon.environment(FOLDER)
    with Children(env=env, logs=FOLDER) as children:
        ours = guidon.start(children, cores, FOLDER)
        pages = weights.weigh(ours) if asked.weights or not some else []
        results = signing = None
        if asked.flows or not some:
            sides = [ours]
            if beside:
                stores = ["peer.db", peer.MEMORY] if durable else [peer.MEMORY]
                sides += [peer.start(children, cores, store=store, folder=FOLDER) for store in stores]
            scenarios = FLOWS if asked.flows else (*FLOWS, *REQUESTS)
            results = rounds.take(sides, scenarios, cores, **_how(asked, seconds=8))
        if asked.sign_in or not some:
            env = guidon.issuing(env, ours.origin)
            signing = signing_in.take(ours, env, cores, **_how(asked, seconds=6))
        children.check()
        return results, signing, pages


def _counts(word: str) -> tuple[int, ...]:
    return tuple(int(one) for one in word.split(","))


def _sizes(asked: argparse.Namespace) -> tuple[int, ...]:
    """With --short the smaller half."""
    every: tuple[int, ...] = asked.deers_sizes
    return every[:2] if asked.short else every


def _directory(asked: argparse.Namespace) -> Deers:
    """No server runs: the address is only a setting that has to be there."""
    env = guidon.issuing(guidon.environment(_empty()), "http://localhost:5000")
    return deers.take(env, FOLDER, _sizes(asked))


def _others(asked: argparse.Namespace) -> bool:
    """Whether anything but the directory is to be measured."""
    return not asked.deers or asked.flows or asked.sign_in or asked.weights


def _empty() -> Path:
    """The folder, with nothing of the last time in it."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    return FOLDER


def _how(asked: argparse.Namespace, *, seconds: float) -> dict[str, Any]:
    """How often everything is measured, and for how long."""
    if asked.short:
        return {"rounds": 1, "tries": 1, "seconds": 2}
    return {"rounds": 3, "tries": 3, "seconds": seconds}


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
