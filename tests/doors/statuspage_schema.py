"""Statuspage's public documents (API version 2) as a JSON Schema, written out from what its clients read."""

from typing import Any

Schema = dict[str, Any]

INSTANT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
MAYBE: Schema = {"anyOf": [INSTANT, {"type": "null"}]}
TEXT: Schema = {"type": "string", "minLength": 1}


def _object(**fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": sorted(name for name, field in fields.items() if not field.get("optional")),
        "additionalProperties": False,
    }


PAGE = _object(id=TEXT, name=TEXT, url=TEXT, time_zone={"const": "Etc/UTC"}, updated_at=INSTANT)
STATUS = _object(
    indicator={"enum": ["none", "minor", "major", "critical", "maintenance"]},
    description=TEXT,
)
COMPONENT = _object(
    id=TEXT,
    name=TEXT,
    status={
        "enum": ["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"]
    },
    created_at=INSTANT,
    updated_at=INSTANT,
    position={"type": "integer", "minimum": 1},
    description={"type": ["string", "null"]},
    showcase={"type": "boolean"},
    start_date={"type": ["string", "null"]},
    group_id={"type": ["string", "null"]},
    page_id=TEXT,
    group={"type": "boolean"},
    only_show_if_degraded={"type": "boolean"},
    components={"type": "array", "items": TEXT, "optional": True},
)
UPDATE = _object(
    id=TEXT,
    incident_id=TEXT,
    status=TEXT,
    body=TEXT,
    created_at=INSTANT,
    updated_at=INSTANT,
    display_at=INSTANT,
    affected_components={"type": "array"},
)
_EITHER: Schema = {
    "id": TEXT,
    "name": TEXT,
    "created_at": INSTANT,
    "updated_at": INSTANT,
    "started_at": INSTANT,
    "monitoring_at": MAYBE,
    "resolved_at": MAYBE,
    "shortlink": TEXT,
    "page_id": TEXT,
    "components": {"type": "array", "items": COMPONENT},
    "incident_updates": {"type": "array", "items": UPDATE, "minItems": 1},
}
INCIDENT = _object(
    **_EITHER,
    status={"enum": ["investigating", "identified", "monitoring", "resolved", "postmortem"]},
    impact={"enum": ["none", "minor", "major", "critical"]},
)
MAINTENANCE = _object(
    **_EITHER,
    status={"enum": ["scheduled", "in_progress", "verifying", "completed"]},
    impact={"const": "maintenance"},
    scheduled_for=INSTANT,
    scheduled_until=INSTANT,
)


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of, "maxItems": 50}


_COMPONENTS: Schema = {"type": "array", "items": COMPONENT}
DOCUMENTS: dict[str, Schema] = {
    "summary": _object(
        page=PAGE,
        status=STATUS,
        components=_COMPONENTS,
        incidents=_list(INCIDENT),
        scheduled_maintenances={"type": "array", "items": MAINTENANCE, "maxItems": 100},
    ),
    "status": _object(page=PAGE, status=STATUS),
    "components": _object(page=PAGE, components=_COMPONENTS),
    "incidents": _object(page=PAGE, incidents=_list(INCIDENT)),
    "incidents/unresolved": _object(page=PAGE, incidents=_list(INCIDENT)),
    "scheduled-maintenances": _object(page=PAGE, scheduled_maintenances=_list(MAINTENANCE)),
    "scheduled-maintenances/upcoming": _object(page=PAGE, scheduled_maintenances=_list(MAINTENANCE)),
    "scheduled-maintenances/active": _object(page=PAGE, scheduled_maintenances=_list(MAINTENANCE)),
}
