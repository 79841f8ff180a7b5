"""API command: which routes have the doors, and what do they take and give?"""

from enum import StrEnum
from typing import Annotated

import typer

from wavetrain.cli.desk import Desk, Json


class DoorName(StrEnum):
    """Whose door."""

    OPERATORS = "operators"
    AGENTS = "agents"


def api(
    door: Annotated[DoorName, typer.Argument(help="Whose door.")] = DoorName.OPERATORS,
    as_json: Json = False,
) -> None:
    """The routes of a door; with `--json` its whole OpenAPI document. Needs no control plane."""
    from wavetrain.doors import openapi

    rows = [
        [
            route.method,
            route.path,
            ", ".join(role.value for role in openapi.roles_of(route.act)) or "anybody",
            " ".join(route.text.split()).split(". ")[0].rstrip("."),
        ]
        for route in openapi.DOORS[door.value]
    ]
    desk = Desk(as_json, None, None)
    desk.table(openapi.document(door.value), ("method", "path", "roles", "what"), rows, "no routes")
