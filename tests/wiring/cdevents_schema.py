"""CDEvents schema: what may stand in each event that is written, by CDEvents 0.5.0 (2020-12 JSON Schema)."""

from typing import Any

_TEXT = {"type": "string", "minLength": 1}
_URI = {**_TEXT, "format": "uri-reference"}
_THING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {"id": _TEXT, "source": _URI},
}
_INCIDENT = {
    "description": {"type": "string"},
    "environment": _THING,
    "service": _THING,
    "artifactId": _TEXT,
}
_CONTENT: dict[str, tuple[dict[str, Any], list[str]]] = {
    **{
        f"service.{what}": ({"environment": _THING, "artifactId": _TEXT}, ["environment", "artifactId"])
        for what in ("deployed", "upgraded", "rolledback")
    },
    "incident.detected": (_INCIDENT, ["environment"]),
    "incident.reported": (
        {**_INCIDENT, "ticketURI": {**_TEXT, "format": "uri"}},
        ["environment", "ticketURI"],
    ),
    "incident.resolved": (_INCIDENT, ["environment"]),
}


def schema_of(what: str) -> dict[str, Any]:
    """Of an event like `service.upgraded`."""
    properties, required = _CONTENT[what]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["context", "subject"],
        "properties": {
            "context": {
                "type": "object",
                "additionalProperties": False,
                "required": ["specversion", "id", "source", "type", "timestamp"],
                "properties": {
                    "specversion": {"const": "0.5.0"},
                    "id": _TEXT,
                    "source": _URI,
                    "type": {"const": f"dev.cdevents.{what}.0.3.0"},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "schemaUri": {**_TEXT, "format": "uri"},
                    "chainId": _TEXT,
                },
            },
            "subject": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "content"],
                "properties": {
                    "id": _TEXT,
                    "source": _URI,
                    "content": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": required,
                        "properties": properties,
                    },
                },
            },
            "customData": {"type": "object"},
            "customDataContentType": {"type": "string"},
        },
    }
