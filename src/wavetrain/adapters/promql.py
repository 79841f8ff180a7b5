"""PromQL: which query asks for it?

Raw samples are asked for, and never `rate` or `increase`: these guess beyond the samples that there are, leave out
what a counter had when it appeared, and hide what was reset.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from wavetrain.control.ports import Target
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import selected

STARTS = "_start_time_seconds"
"""The gauge that says when a program began ends in this, whatever it is called."""
SERIES_PER_QUERY = 5_000
NODES_PER_QUERY = 500
BUCKETS_ASSUMED = 20
CLOCK = "time()"
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """How the source's series are known to be a node's."""

    node: str = "node"
    node_is: Literal["name", "address"] = "name"
    """What stands in that label: the node's name, or the address that its metrics are at."""
    pop: str = ""
    """The label with the PoP's name; empty: not looked at."""
    release: str = "release"
    release_info: str = ""
    """The metric that has the release as a label; empty: every counter has."""
    match: tuple[str, ...] = ()
    """More that series have to fulfil, as in PromQL."""

    def value(self, node: NodeId, target: Target) -> str:
        """What a node has in the label for nodes."""
        return node if self.node_is == "name" else urlsplit(target.url).netloc


Group = Sequence[tuple[NodeId, Target]]


def groups(targets: Iterable[tuple[NodeId, Target]]) -> Iterator[Group]:
    """The nodes that are asked for together: the same names of them all, PoP by PoP, few enough for one answer."""
    alike: dict[tuple[str, ...], list[tuple[NodeId, Target]]] = {}
    for node, target in targets:
        alike.setdefault(names(target), []).append((node, target))
    for asked, nodes in alike.items():
        series = max(1, sum(BUCKETS_ASSUMED if name.endswith("_bucket") else 1 for name in asked))
        size = max(1, min(NODES_PER_QUERY, SERIES_PER_QUERY // series))
        nodes.sort(key=lambda item: (item[1].pop, item[0]))
        yield from (nodes[first : first + size] for first in range(0, len(nodes), size))


def names(target: Target) -> tuple[str, ...]:
    """The names of all metrics that say something of a target; a native histogram has its base name."""
    histograms = [name for base in target.histograms for name in (base, f"{base}_bucket", f"{base}_count")]
    counters = (selected(name)[0] for name in target.counters)
    asked = (*counters, *histograms, *target.gauges, target.sessions)
    return tuple(dict.fromkeys(name for name in asked if name))


def raw(group: Group, labels: Labels, seconds: float) -> str:
    """All raw samples of the nodes of a group within so many seconds."""
    asked = [_escaped(name) for name in names(group[0][1])]
    if labels.release_info:
        asked.append(_escaped(labels.release_info))
    parts = [f'__name__=~"{_text("|".join((*asked, f".*{STARTS}")))}"']
    parts.append(_one_of(labels.node, {labels.value(node, target) for node, target in group}))
    if labels.pop:
        parts.append(_one_of(labels.pop, {target.pop for _, target in group}))
    parts += labels.match
    return f"{{{','.join(parts)}}}[{max(1, round(seconds * 1000))}ms]"


def _one_of(label: str, values: Iterable[str]) -> str:
    return f'{label}=~"{_text("|".join(_escaped(value) for value in sorted(values)))}"'


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _text(expression: str) -> str:
    """Inside double quotes, as PromQL reads it."""
    return expression.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
