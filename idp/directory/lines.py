"""The lines of a file from outside: counted from 1, and never longer in memory than a line may be."""

from collections.abc import Iterator
from typing import BinaryIO

from idp.directory.records import LONGEST_LINE


def read(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line with its number. Of one that is too long only the beginning comes, longer than `LONGEST_LINE`."""
    number = 0
    while line := file.readline(LONGEST_LINE + 2):
        number += 1
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        while line and not line.endswith(b"\n"):  # the rest of a line that is too long
            line = file.readline(LONGEST_LINE)
