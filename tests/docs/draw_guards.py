"""Draws docs/guards.md from the table that the planted bugs are played from."""

from pathlib import Path
from textwrap import wrap

from tests.simulate.ingredients import INGREDIENTS
from tests.simulate.planted import GUARDS, PLANTED, GuardRow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guards.md"
WIDTH = 120
TEST = "test_a_planted_bug_is_caught_by_its_own_guard"
HEAD = f"""\
# The guards, and how each is proven

Drawn by `.venv/bin/python -m tests.docs.draw_guards` from
[tests/simulate/planted.py](../tests/simulate/planted.py); a test compares.

Every guard is a property that is checked after every tick of every simulated history: a practice fleet, the real
control plane over a store in memory, the agent's own choices on each node, and seeded faults. A guard is proven by
planting the bug that it exists for. Each bug below is a decider that has it, in the place of the planner. `make test`
plays it with the seed that is named: its own guard must be the first that breaks. The same seed without the bug
must break none. The tests are
[`{TEST}`](../tests/simulate/test_planted_bugs.py), one for each bug.

To see one history: `wavetrain simulate --seed 3 --count 1 --trace`. To play many: `make soak N=10000`. When a guard
breaks, the command looks for the shortest history in which it still does, and prints how to play it again.
"""
FAULTS = """\

## What goes wrong in a history

Drawn from the seed, each with a name that `--only` and `--without` take (`--json` lists those of a history):

- Releases that are bad (`bad-...`), never healthy on one node (`sick`), come up as something else (`wrong`), or whose
  bytes never arrive whole (`garbled`). An older release that breaks on most nodes of a PoP (`old-breaks`).
- Nodes that are down for a while or for good (`dead-...`), and agents that restart in the middle (`restart`).
- Reports and answers that are lost, late, doubled, or overtaken by younger ones (`wire-...`).
- Telemetry that is missing (`missing`), away for a whole PoP (`dark-...`), late (`telemetry-late`) or said twice
  (`telemetry-doubled`).
- Control planes that die before a commit (`crash-...`), are gone for hours (`away-...`), or freeze in the middle of a
  tick while another one takes over (`frozen-...`): what the frozen one wants to commit then is refused.
- Persons who pause, resume, stop, send back, freeze, cordon, retire, rebuild and withdraw (`act-...`), and who answer
  when they are asked (`answer-...`).
- Nodes that join, with the usual release, an older one or none, and nodes that leave, also in mid-update (`fleet-...`).
- Releases that come before the one before them is over, and hotfixes that enter a train under way (`hotfix-...`,
  `place-...`). Histories that begin some days before clocks change somewhere (`daylight`).
- With `--clock-steps`: a clock that is stepped by an hour, on the control plane or on a node (`clock-...`).

{ingredients}

`wavetrain simulate --crash-everywhere --seed 22 --count 1` plays a short history without other faults, with a pause
and a node that is retired, once for each crash point: just before and just after every commit. Each must end as it
does without the crash, and no node may be drained once more for a release.

## Limits of the proof

- A property is checked in the histories that are played. It is no proof for all.
- G2 and G9 are asked of a copy of the store, in at most 30 different situations of a history: what would follow, if a
  person asked now. The first tick after it is looked at, not the whole way back.
- G9 is asked where a PoP is out whether or not the rollout goes on. It does not say that going forward ends well.
- G13 runs the whole tick again. The practice fleet has one component whose updates disturb nodes; two such components
  that share the budgets of a PoP are not played.
- G16 takes three decisions of each history again, on facts that are rebuilt from the store's changes. What was measured
  outside the store (the age of samples, the length of the pre-period) comes from the notes of the simulation.
- A ticker freezes between its look and its transaction. Processes that freeze inside one are a matter for the stores'
  own tests.
- Nodes do not check signatures in the simulation; the agent's tests do.
"""


def drawn() -> str:
    """The whole page."""
    rows = [
        "",
        "| guard | what holds | enforced in | the property | planted bug | seed |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row for guard in GUARDS for row in _rows(guard)),
    ]
    names = "; ".join(item.name for item in INGREDIENTS)
    said = f"[A test](../tests/simulate/test_ingredients.py) looks for what has really happened in them: {names}."
    return HEAD + "\n".join(rows) + "\n" + FAULTS.replace("{ingredients}", "\n".join(wrap(said, WIDTH)))


def _rows(guard: GuardRow) -> list[str]:
    enforced = ", ".join(f"`{module}`" for module in guard.enforced)
    watched = ", ".join(f"`{name.replace(':', '.')}`" for name in guard.watched)
    bugs = [planted for planted in PLANTED if planted.guard == guard.guard]
    said = "; ".join(planted.bug for planted in bugs)
    seeds = ", ".join(str(planted.seed) for planted in bugs)
    return [f"| {guard.guard} | {guard.holds} | {enforced} | {watched} | {said} | {seeds} |"]


if __name__ == "__main__":
    PAGE.write_text(drawn())
