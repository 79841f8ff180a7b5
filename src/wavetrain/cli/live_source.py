"""Live source: what do the measured nodes say now, read from beside the control plane?

The control plane's own watch is left alone: this opens a second source by the same `wavetrain.toml`, for the nodes
that the control plane knows, asks it for what the given checks look at, and closes it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavetrain.cli.desk import Desk
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.model.health import PopCounts
    from wavetrain.model.policy import Policy
    from wavetrain.wiring.sources import Source

ASK_EVERY_S = 0.2


@contextmanager
def opened(desk: Desk, config: Path, policy: "Policy") -> "Iterator[tuple[Source, list[dict[str, Any]]]]":
    """A source at work, and the nodes that it is asked for. Raises RefusedError where no node names metrics."""
    from wavetrain.cli.client import at
    from wavetrain.control.targets import Target, asked_of
    from wavetrain.model.fleet import NodeId
    from wavetrain.wiring import sources
    from wavetrain.wiring.config import read

    table = read(config)[0].health
    nodes: list[dict[str, Any]] = desk.client.get(at("measured"))
    if not nodes:
        raise RefusedError("no node says where its metrics are; give `metrics` in each agent.toml")
    source = sources.opened(table)
    try:
        asked = asked_of([policy])
        source.watch({NodeId(item["node"]): Target(item["pop"], item["url"], *asked) for item in nodes})
        yield source, nodes
    finally:
        source.close()


def bins_of(source: "Source", seconds: float) -> "Iterator[tuple[list[PopCounts], str]]":
    """What the source says in the next seconds, as it says it, with what is wrong with it as a whole."""
    from wavetrain.decide.comparison import arrayed

    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(ASK_EVERY_S, left))
        said = source.observe()
        yield [*map(arrayed, said.bins), *said.counts], said.fault
