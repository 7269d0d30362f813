"""The `claims` parameter as it is read (OIDC Core §5.5)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oidc import claims
from idp.oidc.claims_parameter import LONGEST, NOTHING, Named, read
from idp.oidc.errors import BadRequest

KNOWN = claims.NAMES


def _read(asked: object) -> Named:
    return read(json.dumps(asked), KNOWN)


def test_names_are_kept_and_the_unknown_passed_over() -> None:
    """OIDC Core §5.5: members that are not understood are ignored, claims that are not known left out."""
    asked = {
        "userinfo": {"given_name": {"essential": True}, "nickname": None, "http://example.info/claims/groups": None},
        "id_token": {"email": None, "unheard": "anything", "auth_time": {"essential": True}},
        "else": 7,
    }
    assert _read(asked) == Named(id_token=("email",), userinfo=("given_name", "nickname"))
    assert read(None, KNOWN) == _read({}) == _read({"userinfo": None, "id_token": {}}) == NOTHING


def test_acr_and_sub_are_conditions() -> None:
    """OIDC Core §5.5.1, §5.5.1.1: one value or several, essential or not."""
    acr = {"essential": True, "values": ["b", "a", "b"]}
    assert _read({"id_token": {"acr": acr}}) == Named(acr_values=("b", "a"), acr_essential=True)
    assert _read({"id_token": {"acr": {"value": "a"}}}) == Named(acr_values=("a",))
    several: list[object] = [None, {}, {"essential": True}, {"values": []}]
    for nothing in several:
        assert _read({"id_token": {"acr": nothing}}) == NOTHING
    # In userinfo the sign-in is not told.
    assert _read({"userinfo": {"acr": {"essential": True, "value": "a"}}}) == NOTHING
    assert _read({"id_token": {"sub": {"value": "x"}}}).subs == ("x",)
    assert _read({"userinfo": {"sub": {"values": ["x", "y"]}}, "id_token": {"sub": {"value": "y"}}}).subs == ("y",)


@pytest.mark.parametrize(
    "raw",
    [
        "rubbish",
        "",
        "[]",
        "7",
        "null",
        '"x"',
        "{",
        "[" * 5_000,
        '{"a":' * 3_000,
        '{"userinfo":[]}',
        '{"id_token":"x"}',
        '{"id_token":{"email":"x"}}',
        '{"userinfo":{"email":[]}}',
        '{"id_token":{"acr":"x"}}',
        '{"id_token":{"acr":{"values":"x"}}}',
        '{"id_token":{"acr":{"value":7}}}',
        '{"id_token":{"acr":{"values":["x",null]}}}',
        '{"id_token":{"sub":{"value":{}}}}',
        '{"id_token":{"sub":{"value":"x"}},"userinfo":{"sub":{"value":"y"}}}',
        '{"id_token":{"acr":{"essential":true,"value":"x"},"acr":null}}',
        '{"x":NaN}',
        '{"x":' + "9" * 5_000 + "}",
        '{"x":' + "[" * 10 + "]" * 10 + "}",
        '{"id_token":{"acr":{"values":[' + ",".join(f'"{n}"' for n in range(21)) + "]}}}",
        '{"x":"' + "x" * LONGEST + '"}',
    ],
)
def test_what_cannot_be_read_is_refused(raw: str) -> None:
    """OIDC Core §5.5: it might hold what the client cannot do without; never a fault of ours."""
    with pytest.raises(BadRequest) as caught:
        read(raw, KNOWN)
    assert caught.value.error == "invalid_request"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from((*KNOWN, "acr", "sub", "value", "values")), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(("userinfo", "id_token", "x")), JSON))
def test_any_json_is_read_or_refused(asked: dict[str, object]) -> None:
    """Nothing breaks the reader, and nothing that we do not know gets through it."""
    try:
        named = _read(asked)
    except BadRequest:
        return
    assert {*named.id_token, *named.userinfo} <= set(KNOWN)
    assert all(isinstance(value, str) for value in (*named.acr_values, *named.subs))
