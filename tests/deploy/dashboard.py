"""Draws deploy/grafana/wavetrain.json, the dashboard of the control plane's own metrics, from the list of its panels.

Write it anew: `.venv/bin/python -m tests.deploy.dashboard`.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "wavetrain.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
OF = 'job=~"$job"'
WIDE, TALL = 24, 8
RATE = "$__rate_interval"


def _p99(name: str) -> str:
    """The 99th percentile of a histogram, in seconds."""
    return f"histogram_quantile(0.99, sum by (le) (rate({name}_bucket{{{OF}}}[{RATE}])))"


ROWS: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "Is it well?",
        [
            {
                "title": "Ready",
                "kind": "stat",
                "text": "1 where every check of /readyz passed.",
                "queries": [(f"min by (job) (wavetrain_ready{{{OF}}})", "")],
                "steps": [("red", None), ("green", 1)],
            },
            {
                "title": "Since the last tick",
                "kind": "stat",
                "unit": "s",
                "text": "Nothing moves while no tick ends.",
                "queries": [(f"max(wavetrain_tick_age_seconds{{{OF}}})", "")],
                "steps": [("green", None), ("orange", 5), ("red", 30)],
            },
            {
                "title": "A person is asked",
                "kind": "stat",
                "text": "Holds that end by a person's word alone.",
                "queries": [(f'sum(wavetrain_holds{{{OF}, asks="yes"}}) or vector(0)', "")],
                "steps": [("green", None), ("orange", 1)],
            },
            {
                "title": "At a stand",
                "kind": "stat",
                "text": "What keeps everything from moving, such as a stepped clock.",
                "queries": [(f"sum(wavetrain_standstills{{{OF}}}) or vector(0)", "")],
                "steps": [("green", None), ("red", 1)],
            },
            {
                "title": "Measurements are well",
                "kind": "stat",
                "text": "0 where the source of measurements is away: every verdict then holds.",
                "queries": [(f"min(wavetrain_source_well{{{OF}}})", "")],
                "steps": [("red", None), ("green", 1)],
            },
            {
                "title": "Alerts given up",
                "kind": "stat",
                "text": "Messages to operators that no receiver has taken.",
                "queries": [(f'sum(wavetrain_alerts{{{OF}, state="dead"}}) or vector(0)', "")],
                "steps": [("green", None), ("red", 1)],
            },
        ],
    ),
    (
        "What moves, what waits, and is it safe?",
        [
            {
                "title": "Rollouts, by status",
                "queries": [(f"sum by (status) (wavetrain_rollouts{{{OF}}})", "{{status}}")],
                "stack": True,
            },
            {
                "title": "Waits, by reason",
                "text": "docs/holds.md says what each reason means and what ends it.",
                "queries": [(f"sum by (reason) (wavetrain_holds{{{OF}}})", "{{reason}}")],
                "stack": True,
            },
            {
                "title": "Evidence against a release",
                "text": "As a share of what makes it fail: at 1 it goes back.",
                "queries": [(f"max by (rollout) (wavetrain_evidence_ratio{{{OF}}})", "{{rollout}}")],
                "steps": [("green", None), ("red", 1)],
                "most": 1,
            },
            {
                "title": "Nodes, by the release that they report",
                "queries": [(f"sum by (release) (wavetrain_nodes_on_release{{{OF}}})", "{{release}}")],
                "stack": True,
            },
            {
                "title": "Nodes, by what they are doing",
                "queries": [(f'sum by (phase) (wavetrain_nodes{{{OF}, phase!="steady"}})', "{{phase}}")],
                "stack": True,
            },
            {
                "title": "Disruption slots that are taken, and what is set aside",
                "queries": [
                    (f"max(wavetrain_slots_taken{{{OF}}})", "slots"),
                    (f"sum by (how) (wavetrain_set_aside{{{OF}}})", "{{how}}"),
                ],
            },
        ],
    ),
    (
        "How fast is it?",
        [
            {
                "title": "A tick, 99th percentile",
                "unit": "s",
                "queries": [(_p99("wavetrain_tick_seconds"), "tick")],
            },
            {
                "title": "A commit, 99th percentile",
                "unit": "s",
                "queries": [(_p99("wavetrain_commit_seconds"), "commit")],
            },
            {
                "title": "Ticks and decisions, a second",
                "unit": "ops",
                "queries": [
                    (f"sum by (result) (rate(wavetrain_ticks_total{{{OF}}}[{RATE}]))", "ticks {{result}}"),
                    (f"sum(rate(wavetrain_tick_commits_total{{{OF}}}[{RATE}]))", "decisions"),
                    (f"sum(rate(wavetrain_tick_stale_total{{{OF}}}[{RATE}]))", "not taken"),
                ],
            },
            {
                "title": "Requests a second, by door",
                "unit": "reqps",
                "queries": [
                    (f"sum by (door) (rate(wavetrain_requests_total{{{OF}}}[{RATE}]))", "{{door}}"),
                    (
                        f'sum by (door) (rate(wavetrain_requests_total{{{OF}, status="5xx"}}[{RATE}]))',
                        "{{door}}, failed",
                    ),
                ],
            },
            {
                "title": "Reports of nodes, a second",
                "unit": "reqps",
                "queries": [
                    (f"sum by (status) (rate(wavetrain_reports_total{{{OF}}}[{RATE}]))", "{{status}}"),
                    (f"sum(wavetrain_polls_waiting{{{OF}}})", "held open now"),
                ],
            },
            {
                "title": "What the source of measurements did not answer, a second",
                "unit": "ops",
                "queries": [
                    (
                        f"sum by (trouble) (rate(wavetrain_source_troubles_total{{{OF}}}[{RATE}]))",
                        "{{trouble}}",
                    )
                ],
            },
        ],
    ),
]


def expressions() -> list[str]:
    """Every query of every panel."""
    return [text for _, panels in ROWS for panel in panels for text, _ in panel["queries"]]


def dashboard() -> dict[str, Any]:
    """As Grafana imports it (schema 39, Grafana 11)."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            _placed(len(panels), {"type": "row", "title": title, "collapsed": False}, 0, y, WIDE, 1)
        )
        y += 1
        stats = row[0].get("kind") == "stat"
        across, tall = (6, 4) if stats else (2, TALL)
        for place, panel in enumerate(row):
            x, down = place % across * (WIDE // across), place // across * tall
            panels.append(_placed(len(panels), _panel(panel), x, y + down, WIDE // across, tall))
        y += -(-len(row) // across) * tall
    return {
        "uid": "wavetrain",
        "title": "Wavetrain",
        "description": "The rollout control plane by its own metrics: is it well, what moves, what waits, how fast?",
        "tags": ["wavetrain"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"},
                {
                    "name": "job",
                    "type": "query",
                    "label": "Job",
                    "datasource": SOURCE,
                    "query": "label_values(wavetrain_build_info, job)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                    "allValue": ".+",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": panels,
    }


def _placed(number: int, panel: dict[str, Any], x: int, y: int, w: int, h: int) -> dict[str, Any]:
    return {"id": number + 1, "gridPos": {"x": x, "y": y, "w": w, "h": h}, **panel}


def _panel(of: dict[str, Any]) -> dict[str, Any]:
    is_stat = of.get("kind") == "stat"
    steps = [{"color": color, "value": value} for color, value in of.get("steps", [("green", None)])]
    defaults: dict[str, Any] = {
        "unit": of.get("unit", "short"),
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if "most" in of:
        defaults["max"] = of["most"]
    if not is_stat:
        defaults["custom"] = {
            "fillOpacity": 20 if of.get("stack") else 0,
            "stacking": {"mode": "normal" if of.get("stack") else "none"},
            "thresholdsStyle": {"mode": "line" if "steps" in of else "off"},
        }
    return {
        "type": "stat" if is_stat else "timeseries",
        "title": of["title"],
        "description": of.get("text", ""),
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}
        if is_stat
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": text, "legendFormat": legend}
            for at, (text, legend) in enumerate(of["queries"])
        ],
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())
