"""How a specification is described: its parts, and how far this server goes with each. The table is `specifications`."""

from dataclasses import dataclass
from enum import StrEnum


class Far(StrEnum):
    """How far."""

    DONE = "done"
    PARTLY = "partly"
    NO = "no"
    REFUSED = "refused"
    """Known, and answered with its own error, never passed over."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some sections of a document, with all below them. None: whatever no other part names."""

    sections: tuple[str, ...]
    far: Far
    says: str
    tests: tuple[str, ...] = ()
    """Tests that hold it and cite something else, as pytest names them."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One document, by the name that it is cited with."""

    name: str
    title: str
    parts: tuple[Part, ...]
    also: tuple[str, ...] = ()
    """Other names that it is cited by."""

    def part_of(self, section: str) -> Part | None:
        """The part that a section belongs to: the one that names it most closely."""
        fitting = [(len(own), part) for part in self.parts for own in part.sections or ("",) if _is_in(section, own)]
        return max(fitting, key=lambda found: found[0])[1] if fitting else None


def _is_in(section: str, own: str) -> bool:
    return own in {"", section} or section.startswith(f"{own}.")
