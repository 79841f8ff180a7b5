"""Log: what is a line of the agent's log?"""

import sys
import time
from collections.abc import Callable

import msgspec

Log = Callable[..., None]


def log_for(node: str) -> Log:
    """Writes one JSON object a line to standard error: `at` (UTC), `node`, `event` and what belongs to it."""

    def log(event: str, **facts: object) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = msgspec.json.encode({"at": at, "node": node, "event": event, **facts})
        sys.stderr.write(line.decode() + "\n")
        sys.stderr.flush()

    return log
