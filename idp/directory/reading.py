"""A directory file on its way to the tables: read in blocks, and each checked and digested, by other processes if there are many.

Blocks come back in the order of the file. What is under way is bounded, so the size of a file does not matter to the memory.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from pydantic import TypeAdapter

from idp.directory import lines, rows, sheets
from idp.directory.records import BadLine, Key, parse
from idp.directory.rows import Rows
from idp.directory.sheets import Column, Row, Sheet
from idp.directory.tables import person_mac
from idp.keyring import Keyring

AT_ONCE = 1_000
"""People in one block at the most."""

_BLOCK = 1_000_000  # bytes or characters in one block; the last line may go beyond
_SMALL = 2_000_000  # bytes: to start a process takes longer than to read these
_READERS = 2  # more of them would wait for the one process that writes
_AHEAD = 2  # blocks that each of them has before it


Line = TypeVar("Line", tuple[int, bytes], Row)

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
    key_mac: str | None = None
    """Whose line it is, if that much can be read."""


@dataclass(slots=True)
class Batch:
    """What a block held. `done`: how many bytes of the file are read with it."""

    done: int
    people: list[Rows] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class ReaderGone(Exception):
    """A process that read for us was ended from outside, by want of memory perhaps."""


@dataclass(frozen=True, slots=True)
class _Block:
    done: int
    columns: list[Column]
    """Those of a spreadsheet; none: JSON lines."""
    lines: list[tuple[int, bytes]] | list[Row]


def format_of(path: Path) -> Format:
    """Told by the extension: `.csv`, or else JSON lines."""
    return Format.CSV if path.suffix.lower() == ".csv" else Format.JSONL


def batches(keyring: Keyring, path: Path, written_in: Format) -> Iterator[Batch]:
    """The whole file, in order. Raises `OSError`, `ReaderGone`, and `BadLine` for a header that cannot be."""
    with path.open("rb") as file:
        blocks = _sheet_blocks(file) if written_in is Format.CSV else _line_blocks(file)
        if path.stat().st_size < _SMALL:
            yield from (_digest(keyring, block) for block in blocks)
        else:
            yield from _elsewhere(keyring, blocks)


def _elsewhere(keyring: Keyring, blocks: Iterator[_Block]) -> Iterator[Batch]:
    readers = min(_READERS, os.cpu_count() or 1)
    # Spawned, not forked: this process has threads and an open database, of which they shall know nothing.
    with ProcessPoolExecutor(
        readers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(keyring,)
    ) as pool:
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


def _line_blocks(file: BinaryIO) -> Iterator[_Block]:
    for some in _blocks(lines.read(file), lambda line: len(line[1])):
        yield _Block(file.tell(), [], [(number, line) for number, line in some if line.strip()])


def _sheet_blocks(file: BinaryIO) -> Iterator[_Block]:
    sheet = Sheet(file)
    for some in _blocks(sheet.rows(), lambda row: sum(map(len, row.cells))):
        yield _Block(sheet.done, sheet.columns, some)


def _blocks(every: Iterator[Line], size: Callable[[Line], int]) -> Iterator[list[Line]]:
    block: list[Line] = []
    room = _BLOCK
    for line in every:
        block.append(line)
        room -= size(line)
        if room <= 0 or len(block) == AT_ONCE:
            yield block
            block, room = [], _BLOCK
    if block:
        yield block


_keyring: Keyring


def _begin(keyring: Keyring) -> None:
    """A reader's first act. It dies with the process that it reads for, and leaves Ctrl-C to it."""
    global _keyring  # noqa: PLW0603 - the one place where a process of a pool can keep something
    _keyring = keyring
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _digest_here(block: _Block) -> Batch:
    return _digest(_keyring, block)


def _digest(keyring: Keyring, block: _Block) -> Batch:
    batch = Batch(block.done)
    for line in block.lines:
        number = line[0]
        try:
            record = sheets.parse(block.columns, line) if isinstance(line, Row) else parse(line[1])
        except BadLine as bad:
            batch.faults.append(Fault(number, str(bad), _whose(keyring, block.columns, line)))
        else:
            batch.people.append(rows.of(keyring, record, number))
    return batch


def _whose(keyring: Keyring, columns: list[Column], line: tuple[int, bytes] | Row) -> str | None:
    """Of a bad line: the HMAC of its person's key, so that those who depend on them hear why the sponsor is not there."""
    try:
        key = line.cells[columns.index(_PERSON)] if isinstance(line, Row) else json.loads(line[1])["person"]
        return person_mac(keyring, _KEY.validate_python(key))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
