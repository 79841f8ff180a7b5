"""Quiet: how is work done that must not slow down the programs of this node?"""

import os
import threading
from collections.abc import Callable

LOWEST = 19


def run(nice: int, work: Callable[[], None]) -> None:
    """Do it in a thread whose priority is lower by `nice`; its error is this call's.

    On Linux a thread has a priority of its own. So what the agent starts from its other threads, the node's own
    supervisor above all, keeps the priority that the agent was started with.
    """
    if nice <= 0:
        work()
        return
    failed: list[BaseException] = []

    def quietly() -> None:
        try:
            now = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, min(now + nice, LOWEST))
            work()
        except BaseException as error:  # raised again below, in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=quietly, name="quiet", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
