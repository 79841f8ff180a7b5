"""Fleet file: which fleet does a TOML text say?"""

from datetime import datetime

from wavetrain.model.fleet import Fleet
from wavetrain.wire.fleet_parts import LIMITS, FleetParts
from wavetrain.wire.toml_table import open_table


def read_fleet(text: str, now: datetime, name: str = "fleet file") -> Fleet:
    """The fleet that the text says, or one `RefusedError` with every fault, its place and the way out.

    `now` (aware, UTC): every window rule must open within two years of it.
    """
    top = open_table(text, name)
    parts = FleetParts(top.faults, now, by_line=False)
    for kind, limit in LIMITS.items():
        for index, table in enumerate(top.tables(kind, limit)):
            parts.take(kind, table, index)
    top.end()
    return parts.end()
