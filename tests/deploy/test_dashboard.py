"""The dashboard asks for metrics that there are, in PromQL that Prometheus takes; promtool likes the metrics."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.control.practice import ROLLOUT
from tests.deploy import dashboard
from tests.doors.test_health import Rig

from wavetrain.decide.evidence_kept import RolloutEvidence

PROMTOOL = shutil.which("promtool")
NEEDED = "promtool is not installed; install it: apt-get install prometheus"


@pytest.fixture
def promtool() -> str:
    """Skipped where there is no Prometheus on a laptop; in CI that is a failure."""
    if PROMTOOL is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NEEDED)
        pytest.skip(NEEDED)
    return PROMTOOL


@pytest.fixture
def plain(tmp_path: Path) -> str:
    """The metrics of a house in which something moves, as plain text."""
    rig = Rig(tmp_path)
    rig.house.rolling()
    rig.vitals.begins(90.0)
    rig.vitals.ends(90.2, commits=2)
    evidence = RolloutEvidence(rollout=ROLLOUT, log_e=1.0, log_threshold=4.0)
    rig.vitals.look(rig.house.store, lambda _: evidence, rig.clock)
    rig.get("/healthz")
    answer = rig.get("/metrics", accept="text/plain")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


def lint(promtool: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False
    )


def test_promtool_has_nothing_to_say_of_the_metrics(promtool: str, plain: str) -> None:
    done = lint(promtool, plain)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    planted = lint(promtool, plain + "# TYPE wavetrain_slip counter\nwavetrain_slip 1\n")
    assert planted.returncode != 0
    assert "wavetrain_slip" in planted.stdout + planted.stderr


def test_the_file_is_what_is_drawn() -> None:
    assert dashboard.FILE.read_text() == dashboard.text(), "draw it again: python -m tests.deploy.dashboard"


def test_every_query_asks_for_a_metric_that_there_is(plain: str) -> None:
    there = set(re.findall(r"^# TYPE (wavetrain_\w+)", plain, re.MULTILINE))
    there |= {f"{name}_bucket" for name in there}
    asked = {name for text in dashboard.expressions() for name in re.findall(r"\bwavetrain_\w+", text)}
    assert asked
    assert asked <= there


def test_prometheus_takes_every_query(promtool: str, tmp_path: Path) -> None:
    def rules(expressions: list[str]) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "rules.json"  # YAML is a superset
        made = [
            {"record": f"panel:{at}", "expr": text.replace(dashboard.RATE, "5m").replace("$job", ".+")}
            for at, text in enumerate(expressions)
        ]
        file.write_text(json.dumps({"groups": [{"name": "panels", "rules": made}]}))
        return subprocess.run(
            [promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=30, check=False
        )

    assert rules(dashboard.expressions()).returncode == 0
    assert rules(["sum by (rate(x)"]).returncode != 0


def test_no_panel_lies_on_another_and_all_ask_the_chosen_source() -> None:
    made = dashboard.dashboard()
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= dashboard.WIDE
        taken |= cells
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    asked = [target["datasource"] for panel in made["panels"] for target in panel.get("targets", [])]
    assert asked
    assert all(one == dashboard.SOURCE for one in asked)
