"""Find seeds: in which histories is each planted bug caught by its own guard, first of all?

Run as `.venv/bin/python -m tests.simulate.find_seeds [GUARD ...]` when the rules, or the course of histories, have
changed so that a known seed catches its bug no more; then write the seeds into `planted.py`.
"""

import sys

from tests.simulate.planted import PLANTED, Planted

from wavetrain.simulate.history import run
from wavetrain.simulate.shrink import breaks

SEEDS = 100
ENOUGH = 3


def seeds(planted: Planted) -> list[tuple[int, int]]:
    """Ticks and seed of some histories that catch the bug, the shortest first."""
    found: list[tuple[int, int]] = []
    for seed in range(SEEDS):
        outcome = run(seed, planted.decide)
        if breaks(outcome, planted.guard):
            found.append((outcome.ticks, seed))
        if len(found) == ENOUGH:
            break
    return sorted(found)


if __name__ == "__main__":
    for each in PLANTED:
        if not sys.argv[1:] or each.guard in sys.argv[1:]:
            said = ", ".join(f"seed {seed} ({ticks} ticks)" for ticks, seed in seeds(each))
            print(f"{each.guard}, {each.bug}: {said or 'none'}", flush=True)  # noqa: T201
