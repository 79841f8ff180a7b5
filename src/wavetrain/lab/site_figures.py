"""Site figures: what did the sessions of sites and users feel?

A gap is the time between two acknowledgements of one site, less the heartbeat's period: what its user missed,
whichever sessions carried it. Sites that ignore the move-away signal (`stubborn`) are counted apart.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

KINDS = ("sites", "users", "stubborn")


class Spread(msgspec.Struct, frozen=True):
    """How a time in ms is spread; all 0 where nothing was measured. By nearest rank."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class Felt(msgspec.Struct, frozen=True):
    """The figures of some sites of one kind over one measuring span."""

    sessions: int = 0  # sites or users there are
    up: int = 0  # of them with a live session
    moves: int = 0  # sessions that moved make-before-break
    moved: int = 0  # sites that moved at least once
    cut: int = 0  # sessions that ended before the site had another
    sent: int = 0  # heartbeats
    acked: int = 0
    failed: int = 0  # acknowledged as failed
    lost: int = 0  # sent and never acknowledged
    not_sent: int = 0  # due while there was no session
    bounces: int = 0  # landings on a draining node
    roams: int = 0  # sessions that users opened anew of their own accord
    gaps_ms: tuple[float, ...] = ()  # the longest gap of each site
    reconnects_ms: tuple[float, ...] = ()  # from each cut to the next greeting of a gateway

    @property
    def gap_ms(self) -> Spread:
        """The sites' longest gaps."""
        return spread(self.gaps_ms)

    @property
    def reconnect_ms(self) -> Spread:
        """The times without a session."""
        return spread(self.reconnects_ms)


class PopFelt(msgspec.Struct, frozen=True):
    """What one PoP's sites and users felt since `span_s` seconds."""

    span_s: float
    kinds: dict[str, Felt]
    releases: dict[str, int]  # live sessions by the release that serves them
    nodes: dict[str, int]

    @property
    def cooperative(self) -> Felt:
        """Sites and users that follow the move-away signal."""
        return together([self.kinds["sites"], self.kinds["users"]])

    @property
    def stubborn(self) -> Felt:
        """Sites that ignore it."""
        return self.kinds["stubborn"]


def spread(values: Sequence[float]) -> Spread:
    """The spread of measured values."""
    if not values:
        return Spread()
    ranked = sorted(values)

    def rank(share: float) -> float:
        return round(ranked[math.ceil(share * len(ranked)) - 1], 1)

    return Spread(rank(0.5), rank(0.99), rank(1.0))


def together(parts: Iterable[Felt]) -> Felt:
    """The figures of several groups as one."""
    groups = list(parts)
    names = [field.name for field in msgspec.structs.fields(Felt) if field.type is int]
    return Felt(
        **{name: sum(getattr(group, name) for group in groups) for name in names},
        gaps_ms=tuple(gap for group in groups for gap in group.gaps_ms),
        reconnects_ms=tuple(time for group in groups for time in group.reconnects_ms),
    )


def all_pops(pops: Iterable[PopFelt]) -> PopFelt:
    """The figures of several PoPs as one; the span is the shortest."""
    felt = list(pops)
    releases: dict[str, int] = {}
    nodes: dict[str, int] = {}
    for pop in felt:
        for release, count in pop.releases.items():
            releases[release] = releases.get(release, 0) + count
        nodes.update(pop.nodes)
    return PopFelt(
        min((pop.span_s for pop in felt), default=0.0),
        {kind: together([pop.kinds[kind] for pop in felt]) for kind in KINDS},
        releases,
        nodes,
    )
