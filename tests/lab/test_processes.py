import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.rig import eventually

PARENT = """
import sys, json, time
from pathlib import Path
from tests.lab.rig import rig
with rig(Path(sys.argv[1]), 8, 2, 1) as (pop, good):
    tied = pop.lab.processes.start("tied", ["sleep", "60"], Path(sys.argv[1]) / "tied.log", tied=True)
    pids = [*pop.lab.processes.pids().values(), *(node.gateway.pid for node in pop.nodes.values())]
    print(json.dumps(pids), flush=True)
    if sys.argv[2] == "wait":
        time.sleep(60)
    raise RuntimeError("the lab's user made a mistake")
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.lab
@pytest.mark.parametrize("how", ["wait", "fail"])
def test_nothing_is_left_running_after_the_lab_is_killed_or_fails(tmp_path: Path, how: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        assert len(pids) == 1 + 1 + 1 + 4
        if how == "wait":
            assert all(_alive(pid) for pid in pids)
            parent.send_signal(signal.SIGKILL)
        eventually("all have ended", lambda: not any(_alive(pid) for pid in pids), 8)
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
