"""What this computer is, which core does what, and how much of a core somebody else took while we measured."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from devtools.terminal import StopError

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """One core for the servers, another for the load: then neither slows the other."""

    server: int
    load: int

    def pinned(self, core: int, *words: str) -> list[str]:
        """A command that stays, with everything that it starts, on one core."""
        return ["taskset", "--cpu-list", str(core), *words]


def cores() -> Cores:
    """The first two that we may use."""
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise StopError("The benchmarks need two cores: one for the server, one for the load.")
    return Cores(server=free[0], load=free[1])


def check_tools() -> None:
    """Stop with the one command that installs what is missing."""
    wanted = {"node": "nodejs", "npm": "npm", "taskset": "util-linux"}
    missing = [package for tool, package in wanted.items() if shutil.which(tool) is None]
    if missing:
        raise StopError(
            "The benchmarks measure beside a provider that runs on Node, and the load comes from Node too.\n"
            f"Install what is missing, then run this again:\n\n    sudo apt-get install {' '.join(missing)}\n"
        )


def told(*words: str) -> str:
    """The first line that a program says of itself; empty if there is no such program."""
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
    except FileNotFoundError:
        return ""
    return next(iter(said.stdout.splitlines()), "").strip()


def described() -> str:
    """This computer in one sentence."""
    about = Path("/proc/cpuinfo").read_text("utf-8")
    model = next((line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("model name")), "?")
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (
        f"{len(os.sched_getaffinity(0))} cores ({model}), {release}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, Node {told('node', '--version').lstrip('v')}"
    )


def cpu_seconds(session: int) -> float:
    """Processor time so far of a program and all that it started. Children are given a session of their own."""
    return sum(int(fields[11]) + int(fields[12]) for fields in _of_session(session).values()) / TICKS


def cpu_seconds_of(processes: Collection[int]) -> float:
    """Processor time so far of these processes, and of the children that they have waited for."""
    return sum(sum(map(int, fields[11:15])) for process, fields in _all().items() if process in processes) / TICKS


def descendants(process: int) -> set[int]:
    """A process and all that it started, whatever sessions these are in."""
    parents = {one: int(fields[1]) for one, fields in _all().items()}
    found = {process}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def memory(session: int) -> float:
    """MiB that would be free without this program: what its processes share is counted once."""
    return memory_of(_of_session(session))


def memory_of(processes: Iterable[int]) -> float:
    """The same of these processes."""
    kibibytes = 0
    for process in processes:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
        except OSError:  # it ended while we read
            continue
        kibibytes += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kibibytes / 1024


def resident(session: int) -> tuple[float, float]:
    """MiB in memory of the largest process of a program, which is its worker: now, and the most since `forget_peak`."""
    found = [(0.0, 0.0)]
    for process in _of_session(session):
        try:
            lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
        except OSError:  # it ended while we read
            continue
        told = {name: value for name, _, value in (line.partition(":") for line in lines)}
        found.append((int(told["VmRSS"].split()[0]) / 1024, int(told["VmHWM"].split()[0]) / 1024))
    return max(found)


def forget_peak(session: int) -> None:
    """From here on, the most that `resident` tells is counted anew (proc(5), /proc/pid/clear_refs)."""
    for process in _of_session(session):
        Path(f"/proc/{process}/clear_refs").write_text("5", "ascii")


def busy_seconds(core: int) -> float:
    """Time that a core has spent on programs, anybody's, and that its hypervisor gave to others."""
    line = next(line for line in Path("/proc/stat").read_text("ascii").splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _waiting, _irq, _softirq, stolen, *_ = map(int, line.split()[1:])
    return (user + nice + system + stolen) / TICKS


def all_busy_seconds() -> float:
    """`busy_seconds` of all cores that we may use."""
    return sum(map(busy_seconds, os.sched_getaffinity(0)))


def _of_session(session: int) -> dict[int, list[str]]:
    """The fields of /proc/…/stat, from the third on, of every process in a session."""
    return {process: fields for process, fields in _all().items() if int(fields[3]) == session}


def _all() -> dict[int, list[str]]:
    """The same of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = folder.joinpath("stat").read_text("utf-8", "replace")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()  # a program's name may hold spaces, so count from behind it
        found[int(folder.name)] = fields
    return found
