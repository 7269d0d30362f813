"""The OpenAPI document of the eligibility authority's API, made of the shapes that both sides check by."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from idp.adapters import deers_wire as wire
from idp.adapters.deers_service import LONGEST

_SHAPES: tuple[type[BaseModel], ...] = (
    wire.MatchRequest,
    wire.MatchAnswer,
    wire.LookUpRequest,
    wire.LookUpAnswer,
    wire.ChangesAnswer,
    wire.StatusAnswer,
    wire.ErrorAnswer,
)
_LEAD = (
    "What Guidon asks of an eligibility authority, and what `idp deers serve` answers. Every call only reads, so it may be made "
    "again. Who asks is known by a client certificate. Numbers stand in bodies and never in an address. An answer may have "
    "more fields than these; Guidon reads over them. docs/deers.md says the rest."
)
_PADDED = (
    f"Filled up with spaces behind the JSON to a multiple of {wire.BLOCK} bytes, so that its length tells nothing."
)
_REFUSALS = {
    "400": "The request is malformed: nothing was looked up.",
    "404": "There is no such call.",
    "405": "Another method is meant.",
    "413": f"The body is longer than {LONGEST} bytes.",
    "415": "The body is not application/json.",
    "503": "The directory cannot be read now.",
}
_ID = {"type": "string", "pattern": f"^{wire.REQUEST_ID_PATTERN}$"}
_REQUEST_ID: dict[str, Any] = {
    "name": wire.REQUEST_ID,
    "in": "header",
    "required": False,
    "schema": _ID,
    "description": "Drawn at random for each request. Guidon always sends it.",
}


def document() -> str:
    """The whole document, as JSON."""
    _, schemas = models_json_schema(
        [(shape, "validation") for shape in _SHAPES], ref_template="#/components/schemas/{model}"
    )
    described = {
        "openapi": "3.1.0",
        "info": {"title": "Eligibility authority", "version": "1", "description": _LEAD},
        "servers": [{"url": "https://deers.example.mil"}],
        "security": [{"client_certificate": []}],
        "paths": {
            wire.MATCH: {
                "post": _call(
                    "match",
                    "The one living adult whom a claim fits, or why there is none.",
                    wire.MatchAnswer,
                    f"Both kinds of answer, one block long. {_PADDED}",
                    asked=wire.MatchRequest,
                )
            },
            wire.LOOKUP: {
                "post": _call(
                    "lookUp",
                    "One person as they are today, by a present or former DoD ID number.",
                    wire.LookUpAnswer,
                    f"The person, or nobody. {_PADDED}",
                    asked=wire.LookUpRequest,
                )
            },
            wire.CHANGES: {
                "get": _call(
                    "listChanges",
                    "Whose record changed, in the order in which it did; entries may come again.",
                    wire.ChangesAnswer,
                    "A piece of the feed.",
                    parameters=_parameters(wire.ChangesRequest),
                )
            },
            wire.STATUS: {
                "get": _call(
                    "status", "Whether the service answers.", wire.StatusAnswer, "It does, and knows so many people."
                )
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "client_certificate": {
                    "type": "mutualTLS",
                    "description": "A certificate of a CA that the service trusts.",
                }
            },
        },
    }
    return json.dumps(described, indent=2) + "\n"


def _call(
    name: str,
    summary: str,
    answer: type[BaseModel],
    says: str,
    *,
    asked: type[BaseModel] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    call: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": [_REQUEST_ID, *parameters],
        "responses": {
            "200": {
                "description": says,
                "headers": {
                    wire.REQUEST_ID: {"schema": _ID, "description": "As it came; Guidon refuses an answer without it."}
                },
                "content": _content(answer),
            },
            **{
                status: {"description": why, "content": _content(wire.ErrorAnswer)}
                for status, why in _REFUSALS.items()
                if asked is not None or status not in {"413", "415"}
            },
        },
    }
    if asked is not None:
        call["requestBody"] = {"required": True, "description": _PADDED, "content": _content(asked)}
    return call


def _parameters(shape: type[BaseModel]) -> tuple[dict[str, Any], ...]:
    described = shape.model_json_schema()
    return tuple(
        {"name": name, "in": "query", "required": False, "schema": schema, "description": schema.pop("description")}
        for name, schema in described["properties"].items()
    )


def _content(shape: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}
