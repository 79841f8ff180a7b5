"""Rehearse policy: by which rules is a fleet rehearsed, where do they come from?"""

from pathlib import Path
from typing import TYPE_CHECKING

from wavetrain.cli.desk import text_of
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.model.fleet import Fleet
    from wavetrain.model.policy import Policy, Ring

METRICS = 8
"""Of the policy of a fleet that is made up, too."""
BESIDE = ".policy.toml"
"""What follows the name of a fleet file, without its ending, in that of the policy beside it."""


def policy_of(
    file: Path | None, fleet_file: Path | None, fleet: "Fleet", metrics: int | None
) -> tuple["Policy", str]:
    """The policy, and where it comes from: the file that was named, the one beside the fleet, or made for the fleet.

    `metrics`: so many that are made up, in place of those of a policy that is made for the fleet.
    """
    beside = fleet_file.with_name(fleet_file.stem + BESIDE) if fleet_file is not None else None
    if file is None and beside is not None and beside.is_file():
        file = beside
    if file is not None:
        if metrics is not None:
            raise RefusedError(
                f"--metrics is for a policy that is made up, but {file} has its own; leave it out"
            )
        return _read(file, fleet), f"{file}, {'beside the fleet' if file == beside else 'as named'}"
    if fleet_file is None:
        from wavetrain.simulate import made_up

        return made_up.policy(fleet, METRICS if metrics is None else metrics), "made up with the fleet"
    return made_for(fleet, metrics), "made for this fleet"


def rings_in_words(policy: "Policy") -> str:
    """Who goes when, in one line."""
    return ", ".join(f"{ring.name} {_who(ring)}" for ring in policy.rings)


def _who(ring: "Ring") -> str:
    if ring.pops:
        return f"({len(ring.pops)} named)"
    if ring.cover:
        return f"({ring.cover} that cover most)"
    return "(the rest)" if ring.rest else f"({ring.share_percent} %)"


def _read(file: Path, fleet: "Fleet") -> "Policy":
    from wavetrain.wire.policy_file import read_policy

    read = read_policy(text_of(file), fleet, str(file))
    if read.lane != "pop":
        raise RefusedError(
            f"{file} is a policy of lane {read.lane}; a rehearsal plays lane pop, name its policy"
        )
    return read


def made_for(fleet: "Fleet", metrics: int | None) -> "Policy":
    """What `fleet sample --policy` would write; with so many metrics that are made up in place of its own."""
    import msgspec

    from wavetrain.simulate import made_up
    from wavetrain.simulate.sample_policy import policy_text
    from wavetrain.wire.policy_file import read_policy

    made = read_policy(policy_text(fleet), fleet, "the policy that is made for this fleet")
    if metrics is None:
        return made
    verdicts = msgspec.structs.replace(made.verdicts, metrics=made_up.rules(metrics))
    return msgspec.structs.replace(made, verdicts=verdicts)
