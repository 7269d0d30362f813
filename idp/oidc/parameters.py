"""Parameters exactly as they were sent: which came twice is known, and any byte survives the way to the answer and back."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, urlencode

LONGEST = 32 * 1024
"""Bytes of one request's parameters: four kilobytes of `state` and a long `id_token_hint` fit many times over."""
_MOST = 200


class Unreadable(Exception):
    """Too long, too many, or not form-encoded at all."""


class Params(Mapping[str, str]):
    """The parameters that have a value (one without counts as not sent, RFC 6749 §3.1), and the names that came more than once."""

    def __init__(
        self,
        values: dict[str, str],
        repeated: frozenset[str] = frozenset(),
        every: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._values = values
        self._every = every or {}
        self.repeated = repeated

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a name that may come more than once, in their order."""
        return self._every.get(name, (self._values[name],) if name in self._values else ())

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def as_dict(self) -> dict[str, str]:
        """For keeping as JSON: bytes that are not UTF-8 are lone surrogates, which JSON can escape."""
        return dict(self._values)


def parse(raw: bytes, *, strict: bool = False) -> Params:
    """Read a query string or a form body. Raises `Unreadable`; a repeated name is noted, and judged by whoever asked.

    `strict` takes UTF-8 only (RFC 6749 Appendix B); without it any byte survives, and comes out of `with_parameters` again.
    """
    if len(raw) > LONGEST:
        raise Unreadable("too long")
    errors = "strict" if strict else "surrogateescape"
    try:
        # surrogateescape keeps every byte that is not UTF-8, so that `state` goes back as it came (R115).
        pairs = parse_qsl(
            raw.decode("utf-8", errors),
            keep_blank_values=True,
            errors=errors,
            max_num_fields=_MOST,
        )
    except ValueError:
        raise Unreadable("too many parameters, or not UTF-8") from None
    values: dict[str, str] = {}
    every: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    repeated: set[str] = set()
    for name, value in pairs:
        if name in seen:
            repeated.add(name)
        seen.add(name)
        if value:
            values.setdefault(name, value)
            every[name] = (*every.get(name, ()), value)
    return Params(values, frozenset(repeated), every)


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """The URI with parameters added to its query; one that it was registered with stays as it is (RFC 6749 §3.1.2)."""
    joint = "&" if "?" in uri else "?"
    if uri.endswith(("?", "&")):
        joint = ""
    return uri + joint + urlencode(parameters, quote_via=quote, errors="surrogateescape")


def with_fragment(uri: str, parameters: Mapping[str, str]) -> str:
    """The URI with parameters as its fragment (OAuth 2.0 Multiple Response Types §2.1); no registered one has a fragment."""
    return f"{uri}#{urlencode(parameters, quote_via=quote, errors='surrogateescape')}"
