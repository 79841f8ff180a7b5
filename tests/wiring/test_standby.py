"""Two control planes on one PostgreSQL: one works, one waits, and a frozen one that comes back ends."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.databases import Databases
from tests.wiring.planes import up

pytestmark = pytest.mark.lab

TAKEOVER_S = 5.0


def test_a_standby_opens_its_doors_when_the_first_hangs_which_then_ends(
    databases: Databases, tmp_path: Path
) -> None:
    store = databases.fresh()
    with up(tmp_path, "first", store) as first:
        first.hear('{"ready": ')
        with up(tmp_path, "second", store) as second:
            second.hear('"standby"')
            os.kill(first.process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            second.hear('{"ready": ')
            assert time.monotonic() - begun < TAKEOVER_S
            os.kill(first.process.pid, signal.SIGCONT)
            assert first.end() == 3
            assert "took the lease over" in first.said[-1]
            with up(tmp_path, "third", store) as third:
                third.hear('"standby"')
                third.process.terminate()
                assert third.end() == 0, "a standby that was told to stop did as it was told"
            second.process.terminate()
            assert second.end() == 0
