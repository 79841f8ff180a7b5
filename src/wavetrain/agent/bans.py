"""Bans: which releases does this node refuse, whoever tells it to run one?"""

from collections.abc import Callable, Iterable

from wavetrain.model.release import is_older
from wavetrain.wire.agent_messages import Bans

COMPONENTS_MAX = 8
"""A node runs one component; a few more were perhaps told while it was set up."""


def taken(
    kept: tuple[Bans, ...], said: Bans, objection: Callable[[Bans], str]
) -> tuple[tuple[Bans, ...], str]:
    """What is kept after `said` was read, and why it was refused; the reason is empty where it was not.

    The newest of each component is kept, and all of them count: bans of another component, or older ones, never
    lift what was said before. Only what the control plane signed is read at all.
    """
    refused = objection(said)
    if refused:
        return kept, refused
    before = next((item for item in kept if item.component == said.component), None)
    if before is None:
        if len(kept) >= COMPONENTS_MAX:
            return kept, (
                f"refused the bans of {said.component}: this node keeps those of {COMPONENTS_MAX} components already; "
                "a node runs one: set it up anew"
            )
        return (*kept, said), ""
    if said.serial < before.serial:
        return kept, (
            f"refused bans {said.serial} of {said.component}: this node has read {before.serial}, and they only grow; "
            "after a restore the control plane raises its era"
        )
    if said.serial == before.serial:
        return kept, ""
    return tuple(said if item is before else item for item in kept), ""


def banned(kept: Iterable[Bans], release: str) -> str:
    """Why this release must not be taken up; empty where it may."""
    for bans in kept:
        if release in bans.tombstones:
            return f"release {release} was withdrawn"
        if release and bans.floor and is_older(release, bans.floor):
            return f"release {release} is older than {bans.floor}, the oldest that may run"
    return ""


def withdrawn(kept: Iterable[Bans], release: str) -> bool:
    """Whether it may not even be gone back to.

    The floor does not count here: an update that fails its own probe goes back to what served a minute ago, below
    the floor too, because a node that serves on nothing helps nobody. The control plane sends the next release.
    """
    return any(release in bans.tombstones for bans in kept)
