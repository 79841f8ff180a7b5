"""Coverage: which features does a PoP have, by what its nodes run?

A PoP has a feature when every node in service runs, *and is desired to run*, a release of each component that the
feature needs which is no older than the least. Because what is desired counts as well, the commit that turns a PoP's
nodes back to an older release is the commit that takes the feature off.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from wavetrain.decide import way_back
from wavetrain.decide.desired import is_joining
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import Desired, NodeId, Phase, Pop, Quarantine, Reported
from wavetrain.model.lane import LANES, node_of
from wavetrain.model.release import Release, is_older
from wavetrain.model.rollout import Rollout, Turn, TurnPhase

VISIT_DAYS = 14
"""For so many days a PoP that an account has used counts as one that it uses."""

Runs = frozenset[tuple[str, str]]
"""What a PoP runs and is to run: numbers of releases, each with the suffix of the devices that it is of."""


class Catalogue:
    """Which devices are a component's, and whose are the releases of a number?"""

    def __init__(self, releases: Iterable[Release] = ()) -> None:
        self._suffixes: dict[str, str] = {}
        self._owners: dict[tuple[str, str], set[str]] = {}
        for release in releases:
            self.take(release)

    def take(self, release: Release) -> bool:
        """Get to know a release; whether it was new."""
        lane = LANES.get(release.lane)
        if lane is None:
            return False
        owners = self._owners.setdefault((lane.suffix, release.number), set())
        is_new = release.component not in owners
        owners.add(release.component)
        self._suffixes[release.component] = lane.suffix
        return is_new

    def suffix(self, component: str) -> str | None:
        """Of the devices that run the component; None where no release of it was ever submitted."""
        return self._suffixes.get(component)

    def has(self, runs: Runs, component: str, least: str) -> bool:
        """Whether everything that runs is a release of the component, and no older than that.

        A number that was never submitted counts as one of it: fleets run older releases than Wavetrain has seen.
        """
        suffix = self.suffix(component)
        if suffix is None:
            return False
        numbers = [number for of, number in runs if of == suffix]
        return bool(numbers) and all(self._is_least(suffix, number, component, least) for number in numbers)

    def _is_least(self, suffix: str, number: str, component: str, least: str) -> bool:
        owners = self._owners.get((suffix, number))
        return bool(number) and not is_older(number, least) and (owners is None or component in owners)


class Back(msgspec.Struct, frozen=True):
    """A rollout that goes back, and the PoP's part in it."""

    rollout: Rollout
    turn: Turn
    is_banned: Callable[[str], bool] = lambda _: False
    """Whether a number may not run any more."""


def runs(
    pop: Pop,
    said: Iterable[Reported],
    told: Mapping[NodeId, Desired],
    lost: Mapping[NodeId, Quarantine],
    retired: Collection[str],
    back: Sequence[Back] = (),
) -> Runs:
    """What the devices of a PoP that are in service run, and are to run.

    Not in service: what is retired, what never said anything, what serves on no release, and what joins and runs
    another release than its PoP. A node that is cordoned, silent or on its way still has its sessions.
    """
    found: set[tuple[str, str]] = set()
    for one in said:
        node = node_of(one.node)
        suffix, order, quarantine = one.node[len(node) :], told.get(one.node), lost.get(one.node)
        if node not in pop.members or node in retired or one.node in retired:
            continue
        if not one.release or one.phase is Phase.FAILED or (quarantine is not None and not quarantine.serves):
            continue
        if order is not None and is_joining(order, one):
            continue
        found.add((suffix, one.release))
        if order is not None:
            found.add((suffix, order.release))
    for going in back:
        lane = LANES[going.rollout.lane]
        if going.turn.phase is not TurnPhase.REVERTED and _has_own(going, told):
            found.add((lane.suffix, way_back.way(going.rollout, going.turn, going.is_banned)))
    return frozenset(found)


def _has_own(going: Back, told: Mapping[NodeId, Desired]) -> bool:
    """Whether any unit that got the release is this rollout's still: the others stay with a newer one."""
    orders = (told.get(NodeId(unit)) for unit in going.turn.exposed)
    return any(way_back.is_its_own(going.rollout, order) for order in orders)


def has(feature: Feature, runs: Runs, catalogue: Catalogue) -> bool:
    """Whether a PoP that runs this has the feature; one that needs no release is everywhere."""
    return all(catalogue.has(runs, name, least) for name, least in feature.needs.releases.items())


def bits(features: Sequence[Feature], runs: Runs, catalogue: Catalogue) -> int:
    """Which of these features it has: bit n stands for the n-th."""
    return sum(1 << place for place, one in enumerate(features) if has(one, runs, catalogue))


def lacking(feature: Feature, runs: Runs, catalogue: Catalogue) -> str:
    """What is not there yet, as people say it; empty where the PoP has the feature."""
    found = []
    for name, least in feature.needs.releases.items():
        if not catalogue.has(runs, name, least):
            suffix = catalogue.suffix(name)
            there = sorted({number or "nothing" for of, number in runs if of == suffix})
            said = f"there: {', '.join(there) or 'none'}"
            found.append(
                f"{name} {least} ({said if suffix is not None else 'no release of it was ever submitted'})"
            )
    return ", ".join(found)
