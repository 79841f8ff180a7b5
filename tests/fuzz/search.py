"""Search: is there bad input that nobody has thought of yet? Rounds with new examples until the time is up.

    .venv/bin/python -m tests.fuzz.search [SECONDS]

Ends at the first round that finds something; its seed makes the round again.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOM = Path(__file__).resolve().parent
SECONDS = 600.0
TIMES = 10
"""A round has so many times the examples of the suite."""


def main() -> int:
    """0 when the time is up and nothing was found."""
    until = time.monotonic() + (float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
    rounds = 0
    while (left := until - time.monotonic()) > 0:
        seed = random.SystemRandom().randrange(2**32)
        command = [sys.executable, "-m", "pytest", str(ROOM), f"--hypothesis-seed={seed}"]
        running = subprocess.Popen(
            command, cwd=ROOM.parents[1], env={**os.environ, "WAVETRAIN_FUZZ": str(TIMES)}
        )
        try:
            code = running.wait(left)
        except subprocess.TimeoutExpired:
            running.terminate()
            running.wait()
            break
        if code:
            again = f"WAVETRAIN_FUZZ={TIMES} .venv/bin/python -m pytest tests/fuzz --hypothesis-seed={seed}"
            sys.stdout.write(f"found something; the same round again: {again}\n")
            return code
        rounds += 1
    sys.stdout.write(f"nothing found in {rounds} whole rounds\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
