"""Rehearse command: trains for people, for programs and as a picture, and refused where they make no sense."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wavetrain.cli.main import app
from wavetrain.simulate.tick_bench import pace, ticks

SMALL = ["rehearse", "--pops", "8", "--nodes", "4", "--sites", "60", "--metrics", "1"]

FLEET = """
[[region]]
id = "eu"

[[pop]]
id = "lis"
region = "eu"
place = "Lisbon"
zone = "Europe/Lisbon"
nodes = ["lis-1", "lis-2", "lis-3", "lis-4"]
window = { rule = "FREQ=DAILY", starts = "01:00", minutes = 240 }

[[pop]]
id = "fra"
region = "eu"
place = "Frankfurt"
zone = "Europe/Berlin"
nodes = ["fra-1", "fra-2", "fra-3", "fra-4"]
window = { rule = "FREQ=DAILY", starts = "01:00", minutes = 240 }
"""

POLICY = """
lane = "pop"

[[ring]]
name = "lab"
stage = "early"
pops = ["{first}"]

[[ring]]
name = "all"
stage = "general"
rest = true
"""


def said(*words: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, list(words))
    return answer.exit_code, answer.stdout, answer.stderr


def test_a_train_is_told_in_lines_drawn_and_written_down(tmp_path: Path) -> None:
    figures, drawn = tmp_path / "out.json", tmp_path / "train.svg"
    code, out, _ = said(*SMALL, "--json", str(figures), "--svg", str(drawn))
    assert code == 0
    assert "\ncompleted: 8 of 8 PoPs done" in out
    read = json.loads(figures.read_text())
    assert (read["pops"], read["nodes"], read["train_days"], read["guards_violated"]) == (8, 32, 14.0, 0)
    assert read["status"] == "completed"
    assert read["windows_used"] == len(read["nights"])
    assert {"ticks", "seconds", "peak_rss_mb"} <= read.keys()
    assert drawn.read_text().startswith("<svg")


def test_figures_go_to_standard_output_alone() -> None:
    code, out, _ = said(*SMALL, "--json", "-")
    assert code == 0
    assert json.loads(out)["pops_done"] == 8


def test_the_same_seed_says_the_same() -> None:
    first, again = (json.loads(said(*SMALL, "--seed", "5", "--json", "-")[1]) for _ in range(2))
    for figures in (first, again):
        del figures["seconds"], figures["cpu_seconds"], figures["peak_rss_mb"]
    assert first == again


def test_faults_are_rehearsed_beside_the_sound_release() -> None:
    code, out, _ = said(*SMALL, "--fault", "crash", "--fault", "x50@all", "--json", "-")
    read = json.loads(out)
    assert code == 0
    assert read["status"] == "completed"
    assert [fault["status"] for fault in read["faults"]] == ["reverted", "reverted"]
    assert read["faults"][0]["at_stop"]["nodes"] == 1


def test_a_guard_broken_on_purpose_is_found_and_is_the_exit_code() -> None:
    code, out, _ = said("rehearse", "--pops", "12", "--nodes", "20", "--metrics", "0", "--plant")
    assert code == 4
    assert "BROKEN" in out


def test_a_guard_that_could_not_be_broken_is_no_success() -> None:
    code, _, err = said("rehearse", "--pops", "4", "--nodes", "2", "--metrics", "0", "--plant")
    assert code == 1
    assert "nothing was broken on purpose" in err


def test_a_fleet_is_rehearsed_by_the_policy_beside_it_or_by_one_that_is_made_for_it(tmp_path: Path) -> None:
    fleet = tmp_path / "edge.toml"
    fleet.write_text(FLEET)
    _, made, _ = said("rehearse", "--fleet", str(fleet))
    assert "policy made for this fleet: lab (1 named), all (the rest)" in made
    beside = tmp_path / "edge.policy.toml"
    beside.write_text(POLICY.format(first="fra").replace('"lab"', '"first"'))
    _, found, _ = said("rehearse", "--fleet", str(fleet))
    assert f"policy {beside}, beside the fleet: first (1 named), all (the rest)" in found
    code, _, err = said("rehearse", "--fleet", str(fleet), "--metrics", "3")
    assert code == 1
    assert "--metrics" in err


def test_nobody_answers_where_that_is_asked_for() -> None:
    read = json.loads(said(*SMALL, "--nobody", "--json", "-")[1])
    assert (read["answers"], read["answered"]) == (0, {})


def test_fleet_policy_and_release_are_read_from_their_files(tmp_path: Path) -> None:
    for name, text in (("fleet.toml", FLEET), ("policy.toml", POLICY.format(first="lis"))):
        (tmp_path / name).write_text(text)
    (tmp_path / "release.toml").write_text('component = "relay"\nnumber = "3.1.4"\nlane = "pop"\n')
    files = [
        word
        for name in ("fleet", "policy", "release")
        for word in (f"--{name}", str(tmp_path / f"{name}.toml"))
    ]
    code, out, err = said("rehearse", *files)
    assert code == 0, err
    assert out.startswith("relay-3.1.4 departs")
    assert "2 of 2 PoPs done" in out


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("fleet", "pop = 1", "pop"),
        ("policy", POLICY.format(first="nowhere"), "nowhere"),
        ("policy", 'lane = "feature"\n[[ring]]\nname = "all"\nstage = "early"\nrest = true\n', "lane pop"),
        ("release", 'component = "relay"\nnumber = "1.0.0"\nlane = "pop"\n', "run already"),
        ("release", 'component = "relay"\nnumber = "2.0.0"\nlane = "feature"\n', "lane pop"),
    ],
)
def test_a_file_that_cannot_be_rehearsed_is_refused(tmp_path: Path, name: str, text: str, rule: str) -> None:
    (tmp_path / "fleet.toml").write_text(FLEET)
    (tmp_path / f"{name}.toml").write_text(text)
    words = dict.fromkeys(["--fleet"], str(tmp_path / "fleet.toml")) | {
        f"--{name}": str(tmp_path / f"{name}.toml")
    }
    code, _, err = said("rehearse", *(word for pair in words.items() for word in pair))
    assert code == 1
    assert rule in err


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--pops", "0"], "--pops"),
        (["--nodes", "5000"], "--nodes"),
        (["--sites", "-1"], "--sites"),
        (["--fault", "often"], "cannot be read"),
        (["--fault", "crash", "--plant"], "leave one of them out"),
        (["--fault", "x2@nowhere"], "does not have"),
        (["--freeze", "tomorrow"], "START/END"),
        (["--freeze", "2026-02-01/2026-01-01"], "START/END"),
        (["--freeze", "2026-01-01/2026-03-01"], "freeze-1"),
        (["--fleet", "/nowhere/fleet.toml"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(words: list[str], rule: str) -> None:
    code, _, err = said(*SMALL, *words)
    assert code == 1
    assert rule in err


def test_a_bench_of_a_small_size_fills_its_table(tmp_path: Path) -> None:
    """What the figures are worth is for a quiet machine to say; here: that they are all measured."""
    took = ticks(tmp_path, 6, 8, 60)
    assert took.warm == 60
    assert 0 < took.warm_p50_s <= took.warm_p99_s <= took.warm_max_s
    assert took.cold > 0
    small = pace(6, 4, 1)
    assert small.changing > 0
    assert small.per_minute > 0
