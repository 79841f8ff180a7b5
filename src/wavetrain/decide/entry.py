"""Entry: may a release enter in mid-train in the way that was asked for?"""

from collections.abc import Collection

import msgspec

from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.model.hotfix import HOTFIX_POPS_MAX, Hotfix, How
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.policy import Succession
from wavetrain.model.release import is_older
from wavetrain.model.rollout import Rollout, Status

_PLAIN = "submit it without `hotfix`, or place it with how = train"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer stands on."""

    number: str
    fixes: str
    lane: str
    rules: Succession
    base: Rollout | None
    """The rollout of the release that is fixed."""
    is_withdrawn: bool
    """Whether the release that is fixed has a tombstone."""
    floor: str = ""
    pops: Collection[str] = ()
    """Every PoP of the fleet."""
    running: Collection[str] = ()
    """The PoPs in which a node runs the release that is fixed."""


def refusal(hotfix: Hotfix, scene: Scene) -> str:
    """The rule that it breaks, with the way out; empty where it may."""
    rules = (_particulars(hotfix), _base(hotfix, scene), _restart(hotfix, scene), _affected(hotfix, scene))
    return next((text for text in rules if text), "")


def _particulars(hotfix: Hotfix) -> str:
    """What was said must belong to the way in."""
    if hotfix.wave and hotfix.how is not How.RESTART:
        return f"`wave` belongs to `restart` and not to `{hotfix.how.value}`; leave it out, or give how = restart"
    if hotfix.pops and hotfix.how is not How.AFFECTED:
        return f"`pops` belong to `affected` and not to `{hotfix.how.value}`; leave them out, or give how = affected"
    if len(hotfix.pops) > HOTFIX_POPS_MAX:
        return (
            f"it names {len(hotfix.pops)} PoPs; name at most {HOTFIX_POPS_MAX}, or let it supersede the train"
        )
    return ""


def _base(hotfix: Hotfix, scene: Scene) -> str:
    """A hotfix repairs a release that is still going forward."""
    if hotfix.how is How.TRAIN:
        return ""
    if not scene.fixes:
        return f"a hotfix ({hotfix.how.value}) says which release it fixes; give `fixes`, or {_PLAIN}"
    if scene.floor and is_older(scene.number, scene.floor):
        return f"it is older than the floor {scene.floor} of its component; submit {scene.floor} or a newer number"
    if scene.is_withdrawn:
        return f"{scene.fixes} was withdrawn, so that it goes back; {_PLAIN}: the fix takes the next window after that"
    base = scene.base
    if base is None or base.status in TERMINAL:
        how = f"is {base.status.value}" if base is not None else "has no rollout"
        return f"{scene.fixes} {how}, so that there is no train to enter; {_PLAIN}"
    if base.status is Status.REVERTING:
        return f"{base.id} is going back; {_PLAIN}: the fix takes the next window after that"
    return ""


def _restart(hotfix: Hotfix, scene: Scene) -> str:
    """Only waves that the train under way has passed can be credited, and only as many as the policy lets."""
    base, wave = scene.base, hotfix.wave
    if hotfix.how is not How.RESTART or base is None:
        return ""
    if not 0 < wave < max(1, base.waves):
        last = f"it has waves 0 to {base.waves - 1}" if base.waves else "its waves are not laid yet"
        return f"wave {wave} of {base.id} gives no credit: {last}; give one from 1 on, or how = supersede"
    if wave > base.wave:
        return f"{base.id} has come to wave {base.wave}, and only what is passed counts; give at most wave {base.wave}"
    if wave > scene.rules.credit_waves_max:
        return (
            f"the policy lets at most {scene.rules.credit_waves_max} waves count as passed "
            "(succession.credit_waves_max); give a lower wave, or how = supersede"
        )
    return ""


def _affected(hotfix: Hotfix, scene: Scene) -> str:
    if hotfix.how is not How.AFFECTED:
        return ""
    if LANES[scene.lane].unit is not UnitKind.NODE:
        return f"lane {scene.lane} moves accounts, not PoPs; give how = supersede"
    unknown = [pop for pop in hotfix.pops if pop not in scene.pops]
    if unknown:
        return f"the fleet has no PoP {unknown[0]}; see: wavetrain fleet show"
    if not hotfix.pops and not scene.running:
        return f"no PoP runs {scene.fixes}; name the PoPs, or give another way in"
    return ""
