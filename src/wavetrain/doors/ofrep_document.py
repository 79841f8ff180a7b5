"""OFREP document: how does OpenAPI describe what the evaluators' door takes and gives?

The protocol's own names and codes, in our own words; only what this door does. `value`, `reason` and `variant` are
required here, which the protocol leaves open: official clients fail without them.
"""

import functools
from importlib.metadata import version
from typing import Any, Final

import msgspec

from wavetrain.wire.ofrep_messages import BODY_BYTES_MAX, KEY_CHARACTERS_MAX, Code, Reason

DOCUMENT_PATH: Final = "/ofrep/v1/openapi.json"
_JSON: Final = "application/json"
_BEARER, _KEY = "BearerAuth", "ApiKeyAuth"


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wavetrain: evaluators' door",
            "version": version("wavetrain"),
            "description": "Which features an account has: the OpenFeature Remote Evaluation Protocol (OFREP) 0.3.",
        },
        "security": [{_KEY: []}, {_BEARER: []}],
        "paths": {
            "/ofrep/v1/evaluate/flags/{key}": {"post": _one()},
            "/ofrep/v1/evaluate/flags": {"post": _all()},
            "/ofrep/v1/events": {"get": _events()},
        },
        "components": {
            "securitySchemes": {
                _BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token with the role evaluator.",
                },
                _KEY: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "The same token.",
                },
            },
            "schemas": _schemas(),
        },
    }


@functools.cache
def written() -> bytes:
    """The same, as it is sent."""
    return msgspec.json.encode(document())


def _one() -> dict[str, Any]:
    return {
        "operationId": "evaluateFlag",
        "summary": "One feature of an account",
        "parameters": [
            {
                "name": "key",
                "in": "path",
                "required": True,
                "description": "The feature's key.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": _body(),
        "responses": {
            "200": _given("The feature's value for the account, and why.", "evaluation"),
            "400": _given("It cannot be evaluated.", "failure"),
            "404": _given("There is no such feature.", "notFound"),
            **_refusals(),
        },
    }


def _all() -> dict[str, Any]:
    etag = {
        "description": "Another one as soon as one of the account's answers is.",
        "schema": {"type": "string"},
    }
    return {
        "operationId": "evaluateFlagsBulk",
        "summary": "Every feature of an account",
        "parameters": [
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "The ETag of an earlier answer: 304 where it is still the same.",
                "schema": {"type": "string"},
            },
            {
                "name": "flagConfigEtag",
                "in": "query",
                "required": False,
                "description": "The etag of the event that this request follows; the answer is at least as new.",
                "schema": {"type": "string"},
            },
            {
                "name": "flagConfigLastModified",
                "in": "query",
                "required": False,
                "description": "Taken, and not looked at: events have an etag.",
                "schema": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            },
        ],
        "requestBody": _body(),
        "responses": {
            "200": {
                **_given("The values, and where changes are told.", "evaluations"),
                "headers": {"ETag": etag},
            },
            "304": {"description": "Nothing has changed for the account.", "headers": {"ETag": etag}},
            "400": _given("Nothing can be evaluated.", "bulkFailure"),
            **_refusals(),
        },
    }


def _events() -> dict[str, Any]:
    return {
        "operationId": "listen",
        "summary": "Changes, as server-sent events",
        "description": "Each event's data is a JSON object of the schema `event`. The first comes at once. Clients "
        "take the address from `eventStreams`, with its ticket, where they can send no header.",
        "parameters": [
            {
                "name": "ticket",
                "in": "query",
                "required": False,
                "description": "What an answer's `eventStreams` gave; in place of a header.",
                "schema": {"type": "string"},
            }
        ],
        "responses": {
            "200": {
                "description": "The stream.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **_refusals(),
        },
    }


def _body() -> dict[str, Any]:
    return {
        "required": True,
        "description": f"{BODY_BYTES_MAX} bytes at most; a longer one is refused with {Code.INVALID_CONTEXT}.",
        "content": {_JSON: {"schema": _ref("request")}},
        "x-bytes-max": BODY_BYTES_MAX,
    }


def _refusals() -> dict[str, Any]:
    often = {"description": "In how many seconds to ask again.", "schema": {"type": "string"}}
    return {
        "401": _given("There is no token, or none that is good.", "trouble"),
        "403": _given("The token has not the role evaluator.", "trouble"),
        "429": {**_given("Its bearer asks too often.", "trouble"), "headers": {"Retry-After": often}},
        "500": _given("The control plane cannot evaluate now.", "trouble"),
    }


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    codes = [Code.PARSE_ERROR, Code.TARGETING_KEY_MISSING, Code.INVALID_CONTEXT, Code.GENERAL]
    return {
        "request": _object(["context"], context=_ref("context")),
        "context": {
            **_object(
                ["targetingKey"],
                targetingKey={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": KEY_CHARACTERS_MAX,
                    "description": "The account's id.",
                },
            ),
            "description": "Of whom is asked. Whatever else it has is taken, and not looked at.",
        },
        "evaluation": _object(
            ["key", "value", "reason", "variant"],
            key=text,
            value={
                "description": "By the feature's kind.",
                "type": ["boolean", "string", "number", "object"],
            },
            reason={"type": "string", "enum": [reason.value for reason in Reason]},
            variant=text,
            metadata=_object(["why"], why={"type": "string", "description": "The reason, for people."}),
        ),
        "failure": _object(["key", "errorCode"], key=text, errorCode=_enum(*codes), errorDetails=text),
        "notFound": _object(
            ["key", "errorCode"], key=text, errorCode=_enum(Code.FLAG_NOT_FOUND), errorDetails=text
        ),
        "bulkFailure": _object(["errorCode"], errorCode=_enum(*codes), errorDetails=text),
        "evaluations": _object(
            ["flags"],
            flags={"type": "array", "items": _ref("evaluation")},
            eventStreams={"type": "array", "items": _ref("eventStream")},
        ),
        "eventStream": _object(
            ["type", "endpoint"],
            type=_enum("sse"),
            endpoint=_object(["requestUri"], requestUri={"type": "string", "pattern": "^/"}),
            inactivityDelaySec={"type": "integer", "minimum": 1},
        ),
        "event": _object(["type"], type=_enum("refetchEvaluation"), etag=text),
        "trouble": _object(["errorDetails"], errorDetails=text),
    }


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _enum(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": [str(value) for value in values]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _given(text: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {_JSON: {"schema": _ref(schema)}}}
