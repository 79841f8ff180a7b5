"""Log: what is a line of the agent's log?"""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TextIO

from wavetrain.wire.log_line import Style, renderer

Log = Callable[..., None]

WARNED = frozenset(
    {
        "away",
        "hangs",
        "join file stays",
        "no visits",
        "no reconnects",
        "not invited",
        "not joined",
        "not renewed",
        "not settled",
        "other key",
        "traffic not checked",
    }
)
"""Events that somebody may want to look into."""
FAILED = frozenset({"cannot write", "certificate ended", "fault"})
"""Events that should not be."""


def log_for(node: str, style: Style = "json", stream: TextIO | None = None) -> Log:
    """Writes one line an event to standard error: `time` (UTC), `level`, `event`, `node` and what belongs to it.

    Without structlog: an agent shares its machine with what it looks after, and the line is all that it needs.
    """
    out = stream or sys.stderr
    line = renderer(style, out)

    def log(event: str, **facts: object) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        level = "error" if event in FAILED else "warning" if event in WARNED else "info"
        with contextlib.suppress(
            OSError, ValueError
        ):  # nobody listens any more; the node is served all the same
            out.write(line(at, level, event, {"node": node, **facts}) + "\n")
            out.flush()

    return log
