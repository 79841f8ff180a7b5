"""docs/health.md names every figure, every event and every check that there is."""

import re
from collections.abc import Callable

from tests.docs.pages import DOCS, tables
from tests.doors.test_health import Rig, rig

from wavetrain.doors.health import Checked
from wavetrain.wiring import checks
from wavetrain.wiring.log import EVENTS

TEXT = (DOCS / "health.md").read_text()
TABLES = tables(TEXT)

__all__ = ["rig"]


def test_every_family_stands_in_its_table_with_its_type_and_labels(rig: Rig) -> None:
    rig.vitals.ends(90.0)
    rig.vitals.look(rig.house.store, lambda _: None, rig.clock)
    told = {row[0].strip("`"): (row[1], row[2].replace("`", "")) for row in TABLES["/metrics"]}
    told.pop("process_*")
    seen = {name: family for name, family in rig.families().items() if not name.startswith("process_")}
    assert told.keys() == seen.keys()
    for name, family in seen.items():
        kind, labels = told[name]
        assert kind == family.type, name
        has = {label for item in family.samples for label in item.labels} - {"le"}
        assert not has or has == set(labels.split(", ")), name


def test_every_event_of_the_control_plane_stands_in_its_table() -> None:
    told = {row[0].strip("`"): (row[1], row[2]) for row in TABLES["Events of the control plane"]}
    assert told == EVENTS


def test_every_check_of_readiness_stands_in_its_table() -> None:
    made = Callable[[], Checked]
    known = {
        name
        for name, item in vars(checks).items()
        if getattr(item, "__annotations__", {}).get("return") == made
    }
    assert {row[0].strip("`") for row in TABLES["/readyz"]} == known
    assert len(known) == 5


def test_the_limits_are_those_of_the_program() -> None:
    assert f"less than {checks.TICK_AGE_S_MIN:g} s or {checks.TICK_AGES} pauses" in TEXT
    assert re.search(r"cut after 8000 characters", TEXT)
