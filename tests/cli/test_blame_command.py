"""A recording and a list of changes are enough to say who is to blame, or who must be held back."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.test_train_commands import CHECK, POLICY, said

BIN_S, NODES, SLOTS = 300, 8, 48


def files(folder: Path, bad: str, menu: tuple[int, ...]) -> list[str]:
    """A release on nodes 0 to 3 and content on those of `menu`, half a recording each; one of them doubles failures."""
    chance = np.random.default_rng(1)
    policy, history, changes = folder / "p.toml", folder / "night.jsonl", folder / "changes.jsonl"
    policy.write_text(Path(POLICY).read_text() + CHECK)
    rows = [json.dumps({"history": 1, "change": "night", "seconds": BIN_S})]
    for slot in range(SLOTS):
        for node in range(NODES):
            late = slot >= SLOTS // 2
            is_bad = late and (node in menu if bad == "menu" else node < 4)
            figure = {
                "time": BIN_S * (slot + 1),
                "node": f"lis1-n{node}",
                "pop": "lis1",
                "release": "2.0.0" if late and node < 4 else "1.0.0",
                "metric": "failures",
                "kind": "counter",
                "value": int(chance.poisson(30 * (2.5 if is_bad else 1))),
                "exposure": 6_000,
            }
            rows.append(json.dumps(figure))
    history.write_text("\n".join(rows) + "\n")
    at = BIN_S * SLOTS // 2
    changes.write_text(
        "".join(json.dumps({"cause": "menu", "node": f"lis1-n{n}", "time": at}) + "\n" for n in menu)
    )
    return ["blame", "--policy", str(policy), "--history", str(history), "--changes", str(changes)]


@pytest.mark.parametrize("bad", ["menu", "release 2.0.0"])
def test_the_change_to_blame_is_named(tmp_path: Path, bad: str) -> None:
    line = files(tmp_path, bad, (2, 3, 4, 5))
    text, code = said(*line)
    assert code == 0
    assert text.startswith(f"{bad} is to blame (")
    assert "none of them: 0.0%" in text
    told = json.loads(said(*line, "--json")[0])
    assert (told["blame"]["blamed"], told["stagger"]) == (bad, [])


def test_on_the_same_nodes_it_names_who_must_be_held_back(tmp_path: Path) -> None:
    text, code = said(*files(tmp_path, "menu", (0, 1, 2, 3)))
    assert code == 0
    assert text.startswith("cannot tell release 2.0.0 from menu: they sit on the same nodes; hold ")
    assert "on half of them, lis1: lis1-n" in text


def test_a_recording_in_which_nothing_changed_is_refused(tmp_path: Path) -> None:
    line = files(tmp_path, "menu", (2, 3))
    history = tmp_path / "night.jsonl"
    kept = history.read_text().splitlines()[: NODES * 4]
    history.write_text("\n".join(kept) + "\n")
    text, code = said(*line[:-2])
    assert (code, "nothing changed in" in text) == (1, True)
