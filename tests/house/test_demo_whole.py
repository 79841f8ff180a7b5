"""The demonstration, played whole in a small house: releases, features, the receipt, and the README's transcript."""

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from rich.console import Console
from tests.docs.transcript import missing_from
from tests.house.running import TIMES, setting

from wavetrain.cli.demo import STORY, run
from wavetrain.lab import prometheus
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.haproxy import program
from wavetrain.lab.source_choice import Measured

ROOT = Path(__file__).resolve().parents[2]
WORSE = {"operations_failed_ratio": 0.2}
"""With so little traffic a fault must be larger to be seen as soon."""


@pytest.mark.lab
def test_a_good_release_completes_a_bad_one_goes_back_and_its_fix_takes_a_later_window(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("d")
    story = [(number, title, WORSE if faults else faults, fixes) for number, title, faults, fixes in STORY]
    said = io.StringIO()
    console = Console(file=said, width=100, force_terminal=False)
    small = msgspec.structs.replace(
        setting(
            pops=("lis1", "fra1", "jnb1"), nodes=2, sites=24, stubborn=2, times=TIMES, balancer=Choice.AUTO
        ),
        source=Measured.AUTO,
        customers=True,
    )
    figures_file = tmp_path / "figures.json"

    ended = run(True, figures_file, tmp_path / "h", console, small, story)

    figures = json.loads(figures_file.read_text())
    assert ended, said.getvalue()
    good, bad, fix = figures["good"], figures["bad"], figures["fix"]
    assert (good["status"], good["pops"], good["nodes"], good["sites"]) == ("completed", 3, 6, 24)
    assert (good["sessions_cut"], good["heartbeats_lost"]) == (0, 0)
    assert good["sessions_moved"] >= 24
    assert good["ack_gap_ms"]["max"] < 250
    assert (bad["status"], bad["pops_exposed"], bad["nodes_exposed"]) == ("reverted", 1, 1)
    assert bad["nodes_on_previous"] == 6
    assert 0 <= bad["seconds_to_verdict"] < 15
    assert 0 < bad["seconds_to_restored"] < 10
    by = bad["found_by"]
    assert (by["source"], by["check"]) == (figures["source"], "errors")
    assert by["e"] >= by["threshold"] == 1000
    assert "T" in by["at"]
    folder = tmp_path / "h"
    assert (by["page"], by["picture"]) == tuple(
        str(folder / f"verdict-2.1.0.{kind}") for kind in ("html", "svg")
    )
    page = Path(by["page"]).read_text()
    assert "Verdict on 2.1.0" in page
    assert page.count("<polyline") == 4, "two pictures, each with the check's line and that of all together"
    ElementTree.fromstring(Path(by["picture"]).read_text())
    assert (fix["status"], fix["in_later_window"]) == ("completed", True)
    back, features = figures["taken_back"], figures["features"]
    assert (back["status"], back["sessions_cut"], back["nodes_on_previous"]) == ("reverted", 0, 6)
    menu, calm = features["live-menu"], features["calm-mode"]
    assert (menu["accounts"], menu["on_at_most"], menu["on_at_end"], menu["fell"]) == (6, 6, 6, 0)
    assert len(menu["counts"]) >= 3, "the ramp was seen to grow"
    assert (menu["off_after_revert_s"], calm["on_at_end"]) == (None, 0)
    assert 1 <= calm["on_at_most"] <= 2, "of the accounts of the first PoP"
    assert 0 < calm["off_after_revert_s"] < 2
    assert calm["off_after_revert_s"] < back["first_session_left_after_revert_s"]
    assert set(figures["urls"]) == {"status", "summary", "atom", "calendar", "maintnote", "console"}
    assert all(url.startswith("https://127.0.0.1:") for url in figures["urls"].values())
    told = figures["receipts"]
    assert told["accounts"] == 6, "each account was told what 2.0.0 cost it"
    assert told["sessions"] > 0
    assert told["worst_s"] <= told["promise_s"] == 10.0
    assert figures["guards_violated"] == 0
    assert figures["balancer"] == ("haproxy" if program() else "builtin")
    assert figures["source"] == ("prometheus" if prometheus.program() else "scrape")
    assert figures["control_plane_mb"] < 200
    shown = said.getvalue()
    for here, there in (("Balancers: builtin", "Balancers: haproxy"), ("by: scrape", "by: prometheus")):
        shown = shown.replace(here, there)  # the README's was printed where both are installed
    assert missing_from((ROOT / "README.md").read_text(), shown) == []
