"""The `claims` parameter: single claims asked for by name, and conditions on `acr` and `sub` (OIDC Core §5.5).

What it holds is read into plain facts and judged nowhere here. Of a value that a client hopes for, only those of `acr` and `sub`
mean something; any other is passed over and never kept: it may say who somebody is.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from idp.oidc.errors import BadRequest

LONGEST = 8 * 1024
"""Characters. Every claim that there is, asked for twice with its values, fits several times over."""
_DEEPEST = 6
_MOST_VALUES = 20


@dataclass(frozen=True, slots=True)
class Named:
    """What one `claims` parameter asks."""

    id_token: tuple[str, ...] = ()
    """Claims wanted in the ID token; only names that there are."""
    userinfo: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    acr_essential: bool = False
    """Whether one of `acr_values` must be met (OIDC Core §5.5.1.1)."""
    subs: tuple[str, ...] = ()
    """Whom the answer may be about, as the client knows them; nobody named: whoever is there (OIDC Core §5.5.1)."""


NOTHING = Named()


def read(raw: str | None, known: Collection[str]) -> Named:
    """Read the parameter; `known` are the claims that can be released by name. Raises `BadRequest` for what cannot be read,
    since it might hold a condition that the client relies on.
    """
    if raw is None:
        return NOTHING
    if len(raw) > LONGEST:
        _refuse("claims is too long")
    try:
        asked = json.loads(raw, object_pairs_hook=_once, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise BadRequest("invalid_request", "claims is not JSON") from None
    if not isinstance(asked, dict):
        _refuse("claims is not an object of objects")
    if _depth(asked) > _DEEPEST:
        _refuse("claims is nested too deeply")
    id_token, userinfo = _member(asked, "id_token"), _member(asked, "userinfo")
    acr = _request(id_token, "acr")
    acr_values = _values(acr, "acr")
    return Named(
        id_token=tuple(name for name in id_token if name in known and _is_sound(id_token, name)),
        userinfo=tuple(name for name in userinfo if name in known and _is_sound(userinfo, name)),
        acr_values=acr_values,
        acr_essential=acr.get("essential") is True and bool(acr_values),
        subs=_agreed(_values(_request(id_token, "sub"), "sub"), _values(_request(userinfo, "sub"), "sub")),
    )


def _member(asked: dict[str, Any], name: str) -> dict[str, Any]:
    member = asked.get(name)
    if member is None:
        return {}
    if not isinstance(member, dict):
        _refuse("claims is not an object of objects")
    return member


def _request(member: dict[str, Any], name: str) -> dict[str, Any]:
    """How one claim that we know is asked for: null is the plain way, an object the other (OIDC Core §5.5.1)."""
    how = member.get(name)
    if how is None:
        return {}
    if not isinstance(how, dict):
        _refuse(f"the {name} claim is asked for wrongly")
    return how


def _is_sound(member: dict[str, Any], name: str) -> bool:
    _request(member, name)
    return True


def _values(how: dict[str, Any], name: str) -> tuple[str, ...]:
    """The values that would do, in the order of preference."""
    values = how.get("values", [how["value"]] if "value" in how else [])
    if not isinstance(values, list) or len(values) > _MOST_VALUES or not all(isinstance(one, str) for one in values):
        _refuse(f"the {name} claim is asked for wrongly")
    return tuple(dict.fromkeys(values))


def _agreed(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Whoever both members allow. Two that allow nobody in common are a contradiction, and not a free choice."""
    if not one or not other:
        return one or other
    both = tuple(sub for sub in one if sub in other)
    return both or _refuse("claims names two different people")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique: of two `acr` one would be passed over, perhaps the essential one (RFC 8259 §4)."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name came twice")
    return made


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _depth(value: object) -> int:
    """How deep it is nested; no deeper than the reader of JSON could follow."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for several in inner for one in several]
    return deepest


def _refuse(description: str) -> NoReturn:
    raise BadRequest("invalid_request", description)
