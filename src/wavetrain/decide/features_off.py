"""Features off: for how long does a PoP's way back wait, so that programs know which features go off with it?

The commit that turns a PoP back takes its features off. Programs that evaluate features are told at once; so that none
of them uses a feature on a node that has gone back already, the first drain waits until all that are connected have
seen it, or for `WAIT_S`, whichever comes first. Nobody connected, no wait: a revert is never blocked (G2).
"""

from wavetrain.decide import way_back
from wavetrain.decide.arrivals import BACK
from wavetrain.decide.facts import Draft
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.release import is_older
from wavetrain.model.rollout import Turn

WAIT_S = 2.0
NAMED_MAX = 5


def hold(draft: Draft, turn: Turn) -> Hold | None:
    """Why nothing of a PoP goes back yet; None where it may. The first one asked notes since when it waits."""
    rollout, facts = draft.rollout, draft.facts
    if not facts.is_behind or not turn.order or turn.cursor < len(turn.order):
        return None  # a PoP that is mixed has no feature to lose
    if rollout.off_since and not 0 <= facts.steady - rollout.off_since < WAIT_S:
        return None
    if turn.phase in BACK and (not rollout.off_since or not _is_untouched(turn)):
        return None  # some of it may have gone already
    lost = _lost(draft, turn)
    if not lost:
        return None
    if not rollout.off_since:
        draft.rollout = rollout.changed(off_since=facts.steady)
    more = f" and {len(lost) - NAMED_MAX} more" if len(lost) > NAMED_MAX else ""
    return Hold(Reason.FEATURES_OFF, detail=f"{', '.join(lost[:NAMED_MAX])}{more}, for {WAIT_S:g} s at most")


def _is_untouched(turn: Turn) -> bool:
    """Whether it waits for this since it was turned."""
    return turn.hold is not None and turn.hold.reason is Reason.FEATURES_OFF


def _lost(draft: Draft, turn: Turn) -> list[str]:
    """The features that the release has and the one before it has not."""
    number, previous = draft.rollout.number, way_back.of(draft, turn)
    needs = {one.id: one.needs.releases.get(draft.rollout.component, "") for one in draft.facts.brought}
    return sorted(
        key
        for key, least in needs.items()
        if least and not is_older(number, least) and (not previous or is_older(previous, least))
    )
