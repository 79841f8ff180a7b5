"""The demonstration, played whole in a small house: three releases, the receipt, and the README's transcript."""

import io
import json
from pathlib import Path

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
    assert (fix["status"], fix["in_later_window"]) == ("completed", True)
    assert figures["guards_violated"] == 0
    assert figures["balancer"] == ("haproxy" if program() else "builtin")
    assert figures["source"] == ("prometheus" if prometheus.program() else "scrape")
    assert figures["control_plane_mb"] < 200
    assert missing_from((ROOT / "README.md").read_text(), said.getvalue()) == []
