"""Passwords that were stolen elsewhere: a file that an operator made of "Pwned Passwords", asked without being loaded.

The file holds the first eight bytes of each SHA-1 digest, sorted, behind a header of 32 bytes. Digests are spread
evenly, so where one must lie can be told from its value: a few reads of one page find it or show that it is not there
(SP 800-63B-4 §3.1.1.2). Two digests in eighteen million million million share eight bytes; a stranger's password is
refused for another's that rarely.
"""

import bisect
import fcntl
import hashlib
import itertools
import operator
import os
import re
import struct
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from idp import clock
from idp.ports import PortDown

WIDTH = 8
"""Bytes kept of each digest."""

_HEADER = struct.Struct(">16sQQ")  # magic with its version, entries, when it was made in epoch seconds
_MAGIC = b"guidon breached1"
_PAGE = 512  # entries in one read
_CHUNK = 1 << 20
_LONGEST_LINE = 80
_DIGITS = 40
_LINES = re.compile(rb"(?:[0-9A-F]{40}(?::[0-9]{1,20}+)?+\r?+\n)*+")
_NOT_A_LINE = "not a SHA-1 digest in 40 hexadecimal digits, with or without a colon and a count"
_STEPS = 8


class BreachedFault(PortDown):
    """The file cannot be used. The message says why, and what to do, for the operator."""


class BadList(Exception):
    """A list that was not imported, because of this line (counted from 1; 0 where no line is to blame)."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Described:
    """What an imported file says of itself."""

    entries: int
    made_at: datetime


class BreachedFile:
    """The imported file. It is opened for each question, so that a new import counts at once and nothing is held."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def describe(self) -> Described:
        """How much it holds, and since when. Raises `BreachedFault` when it is not there, not ours, or cut short."""
        with self._opened() as file:
            return _read_header(file)

    def check(self) -> None:
        """Make sure that it can be asked. Raises `BreachedFault`."""
        self.describe()

    def holds(self, password: str) -> bool:
        """Whether this password is one of the stolen ones, as it was typed or composed (R6). Raises `BreachedFault`."""
        forms = {password, unicodedata.normalize("NFC", password)}
        with self._opened() as file:
            entries = _read_header(file).entries
            return any(_is_in(file, entries, prefix_of(form)) for form in forms)

    def _opened(self) -> BinaryIO:
        try:
            # Unbuffered: each read takes one page and nothing beside it.
            return self._path.open("rb", buffering=0)
        except FileNotFoundError:
            raise BreachedFault("the file of breached passwords is not there: run `idp passwords import`") from None
        except OSError as failed:
            raise BreachedFault(f"the file of breached passwords cannot be read: {failed.strerror}") from failed


def prefix_of(password: str) -> int:
    """What a password is looked up by. SHA-1 is what the list is made with; nothing here rests on its strength."""
    # A lone surrogate is in no list; it must not be a fault either.
    digest = hashlib.sha1(password.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:WIDTH], "big")


def import_list(source: Path, target: Path, *, progress: Callable[[int], None] = lambda _done: None) -> int:
    """Make the file of a "Pwned Passwords" list of SHA-1 digests (`DIGEST:COUNT` a line, in order), and tell how many it
    holds. `progress` hears how many bytes are done.

    The file before it stays until the new one is whole and on the disk. Raises `BadList`, and `OSError`.
    """
    # One name, so that what a killed import left is written over and does not pile up.
    half = target.with_name(f".{target.name}.part")
    with source.open("rb") as lines, os.fdopen(os.open(half, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
        _take(file, half)
        try:
            entries = _write(lines, file, progress)
        except BaseException:
            half.unlink(missing_ok=True)
            raise
        half.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return entries


def _take(file: BinaryIO, half: Path) -> None:
    """Make sure that no other import writes this file, nor has just put it into its place."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = half.stat().st_ino == os.fstat(file.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        raise BadList(0, "another import is under way")
    file.truncate(0)


def _write(lines: BinaryIO, file: BinaryIO, progress: Callable[[int], None]) -> int:
    """The whole file, on the disk. The header goes in last: until then it is nobody's."""
    file.write(bytes(_HEADER.size))
    entries = 0
    for prefixes in _read_list(lines, progress):
        file.write(prefixes)
        entries += len(prefixes) // WIDTH
    if not entries:
        raise BadList(0, "the list is empty")
    file.seek(0)
    file.write(_HEADER.pack(_MAGIC, entries, clock.epoch(clock.now())))
    file.flush()
    os.fsync(file.fileno())
    return entries


def _read_list(lines: BinaryIO, progress: Callable[[int], None]) -> Iterator[bytes]:
    """The prefixes of a list, many at a time. Raises `BadList` at its first bad line."""
    rest, last, number, done = b"", b"", 0, 0
    while True:
        chunk = lines.read(_CHUNK)
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if not chunk and rest:
            # The last line may end without a sign of it.
            whole, newline, rest = rest, b"\n", b""
        if newline:
            digests = _digests(whole.upper() + newline, last, number)
            last, number = digests[-1], number + len(digests)
            yield bytes.fromhex(b"".join([digest[: 2 * WIDTH] for digest in digests]).decode("ascii"))
        if len(rest) > _LONGEST_LINE:
            raise BadList(number + 1, _NOT_A_LINE)
        if not chunk:
            return
        done += len(chunk)
        progress(done)


def _digests(text: bytes, last: bytes, before: int) -> list[bytes]:
    """The digests of whole lines, which rise from `last` on; `before` is how many lines there were."""
    lines = text.split(b"\n")[:-1]
    digests = [line[:_DIGITS] for line in lines]
    if _LINES.fullmatch(text) and all(map(operator.lt, itertools.chain([last], digests), digests)):
        return digests
    for number, line in enumerate(lines, start=before + 1):
        if not _LINES.fullmatch(line + b"\n"):
            raise BadList(number, _NOT_A_LINE)
        if line[:_DIGITS] <= last:
            raise BadList(number, "the digests are not in order: take the list that is ordered by hash")
        last = line[:_DIGITS]
    raise AssertionError("a list was refused without a bad line")


def _read_header(file: BinaryIO) -> Described:
    head = os.pread(file.fileno(), _HEADER.size, 0)
    if len(head) == _HEADER.size:
        magic, entries, made_at = _HEADER.unpack(head)
        if magic == _MAGIC and os.fstat(file.fileno()).st_size == _HEADER.size + entries * WIDTH:
            return Described(entries, datetime.fromtimestamp(made_at, UTC))
    raise BreachedFault(
        "the file of breached passwords is not one that `idp passwords import` made, or it is cut short"
    )


def _is_in(file: BinaryIO, entries: int, wanted: int) -> bool:
    """Look where it must lie between the borders; what is found there becomes a border. Past a few steps the digests are
    not spread as they should be, and halving ends it in any case.
    """
    low, high = 0, entries
    floor, ceiling = 0, 1 << (8 * WIDTH)
    step = 0
    while low < high:
        share = (wanted - floor) * (high - low) // (ceiling - floor) if step < _STEPS else (high - low) // 2
        step += 1
        start = max(low, min(low + share - _PAGE // 2, high - _PAGE))
        page = _read_page(file, start, min(_PAGE, high - start))
        if wanted < page[0]:
            high, ceiling = start, page[0]
        elif wanted > page[-1]:
            low, floor = start + len(page), page[-1]
        else:
            return page[bisect.bisect_left(page, wanted)] == wanted
    return False


def _read_page(file: BinaryIO, start: int, count: int) -> tuple[int, ...]:
    read = os.pread(file.fileno(), count * WIDTH, _HEADER.size + start * WIDTH)
    if len(read) != count * WIDTH:
        raise BreachedFault("the file of breached passwords was cut short while it was read")
    return struct.unpack(f">{count}Q", read)
