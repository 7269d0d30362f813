"""A directory file on its way to the tables: read in blocks, and each checked and digested, by other processes if there are many.

Blocks come back in the order of the file. What is under way is bounded, so the size of a file does not matter to the memory.
"""

import gc
import json
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import TypeAdapter

from idp.directory import sheets
from idp.directory.records import LONGEST_LINE, BadLine, Key, Record, parse
from idp.directory.rows import Digester, Rows
from idp.directory.sheets import Column, Row, Sheet
from idp.directory.tables import person_mac
from idp.keyring import Keyring

SMALL = 2_000_000
"""Bytes of a file: to start a process takes longer than to read these."""

_BLOCK = 200_000  # bytes, or characters of a spreadsheet
_READERS = 2  # more of them would wait for the one process that writes
_AHEAD = 4  # blocks that each of them has before it

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KEY: TypeAdapter[str] = TypeAdapter(Key)
_PERSON = Column("person")


class Format(StrEnum):
    """How a directory file is written."""

    CSV = "csv"
    JSONL = "jsonl"


class Fault(NamedTuple):
    """One bad line: where, and what is wrong with it, without any value of it."""

    line: int
    reason: str
    key_mac: bytes | None = None
    """Whose line it is, if that much can be read."""


@dataclass(slots=True)
class Batch:
    """What a block held. `done`: how many bytes of the file are read with it."""

    done: int
    rows: Rows = field(default_factory=Rows)
    faults: list[Fault] = field(default_factory=list)


class ReaderGone(Exception):
    """A process that read for us was ended from outside, by want of memory perhaps."""


def format_of(path: Path) -> Format:
    """Told by the extension: `.csv`, or else JSON lines."""
    return Format.CSV if path.suffix.lower() == ".csv" else Format.JSONL


def batches(keyring: Keyring, path: Path, written_in: Format, *, base: int) -> Iterator[Batch]:
    """The whole file, in order. A person's id is `base` and the number of their line: so readers who know nothing of each other
    give each an own. Raises `OSError`, `ReaderGone`, and `BadLine` for a header that cannot be.
    """
    with path.open("rb") as file:
        blocks = _sheet_blocks(file) if written_in is Format.CSV else _line_blocks(file)
        if path.stat().st_size < SMALL:
            yield from (_digest(keyring, base, block) for block in blocks)
        else:
            yield from _elsewhere(keyring, base, blocks)


class _Bad(NamedTuple):
    """What is wrong with a line, and the key in it, whatever that is."""

    reason: str
    key: object


@dataclass(frozen=True, slots=True)
class _Lines:
    """JSON lines; `first` is the number of the first. `done`: how many bytes of the file are read with them."""

    done: int
    first: int
    text: bytes

    def read(self) -> Iterator[tuple[int, Record | _Bad]]:
        """One person a line."""
        for number, line in enumerate(self.text.split(b"\n"), self.first):
            if line.strip():
                try:
                    yield number, parse(line)
                except BadLine as bad:
                    yield number, _Bad(str(bad), _key_in(line))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Rows of a spreadsheet."""

    done: int
    columns: list[Column]
    rows: list[Row]

    def read(self) -> Iterator[tuple[int, Record | _Bad]]:
        """One person a row."""
        place = self.columns.index(_PERSON)
        for row in self.rows:
            try:
                yield row.line, sheets.parse(self.columns, row)
            except BadLine as bad:
                yield row.line, _Bad(str(bad), row.cells[place] if place < len(row.cells) else None)


_Block = _Lines | _Cells


def _line_blocks(file: BinaryIO) -> Iterator[_Block]:
    if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
        file.seek(0)
    first, rest = 1, b""
    while more := file.read(_BLOCK):
        text = rest + more
        end = text.rfind(b"\n") + 1
        yield _Lines(file.tell(), first, text[:end])
        first += text.count(b"\n")
        rest = text[end:][: LONGEST_LINE + 1]  # of a line that is too long so much is kept that it is seen to be so
    yield _Lines(file.tell(), first, rest)


def _sheet_blocks(file: BinaryIO) -> Iterator[_Block]:
    sheet = Sheet(file)
    some: list[Row] = []
    room = _BLOCK
    for row in sheet.rows():
        some.append(row)
        room -= sum(map(len, row.cells))
        if room <= 0:
            yield _Cells(sheet.done, sheet.columns, some)
            some, room = [], _BLOCK
    yield _Cells(sheet.done, sheet.columns, some)


def _digest(keyring: Keyring, base: int, block: _Block) -> Batch:
    batch, digester = Batch(block.done), Digester(keyring)
    for line, read in block.read():
        if isinstance(read, _Bad):
            batch.faults.append(Fault(line, read.reason, _whose(keyring, read.key)))
        else:
            digester.add(batch.rows, read, line=line, id_=base + line)
    return batch


def _key_in(line: bytes) -> object:
    try:
        return json.loads(line)["person"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _whose(keyring: Keyring, key: object) -> bytes | None:
    """Of a bad line: the HMAC of its person's key, so that those who depend on them hear why the sponsor is not there."""
    try:
        return person_mac(keyring, _KEY.validate_python(key))
    except ValueError:
        return None


def _elsewhere(keyring: Keyring, base: int, blocks: Iterator[_Block]) -> Iterator[Batch]:
    """The same by processes of their own. They are spawned, not forked: this one has threads and an open database."""
    readers = min(_READERS, os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(readers, context, initializer=_begin, initargs=(keyring, base)) as pool:
        under_way: deque[Future[Batch]] = deque()
        try:
            for block in blocks:
                under_way.append(pool.submit(_digest_here, block))
                if len(under_way) > readers * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as gone:
            raise ReaderGone from gone
        finally:
            pool.shutdown(cancel_futures=True)


_own: tuple[Keyring, int]


def _begin(keyring: Keyring, base: int) -> None:
    """A reader's first act. It ends with the process that it reads for, however that ends, and leaves Ctrl-C to it."""
    global _own  # noqa: PLW0603 - nothing else stays from one block to the next
    _own = keyring, base
    gc.disable()  # records are no circles: a tenth of the time went into looking for some
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _digest_here(block: _Block) -> Batch:
    return _digest(*_own, block)
