"""Stragglers: for which PoPs of a ring do the rings behind it not wait?

A PoP whose window opens on fewer than half of the train's days, or not within a day of its ring's nights, goes beside
the rings that follow. It keeps the rules of its own ring: it does not start before its ring's turn, and its canary and
its bake are its own. At least half of a ring (`SHOWN_SHARE`) is waited for in any case, so that a ring still shows a
release before the next one takes it.
"""

from collections.abc import Sequence

from wavetrain.decide.almanac import DAY
from wavetrain.decide.board import Board
from wavetrain.decide.work import Start, Works
from wavetrain.model.fleet import PopId

FEW = 4
SHOWN_SHARE = 0.5
CARRIED_SHARE = 0.1
"""So much of a ring may go along with the next one, where it is not worth a night of its own."""


def few_of(members: int) -> int:
    """How many of a ring may go along with a later one; of a very small ring nobody."""
    return max(int(members * CARRIED_SHARE), 1 if members > FEW else 0)


def may_go_on(waited_for: int, members: int) -> bool:
    """Whether so many of a ring's members, or of a wave's, show enough that the next need not wait for the others."""
    return waited_for > 0 and waited_for >= members * SHOWN_SHARE


def is_far(start: Start | None, ready: int) -> bool:
    """Whether a PoP's next place is more than a day away, or nowhere."""
    return start is None or start.start > ready + DAY


def place_of(works: Works, board: Board, pop: PopId, after: int, *, overtime: bool) -> Start | None:
    """The place of a straggler: of the first day that has a fitting one the cheapest; None where there is none.

    `overtime`: it may also lie in the days after the train.
    """
    fitting: list[Start] = []
    for start in works.starts(pop, after, overtime=overtime):
        if fitting and start.start > fitting[0].start + DAY:
            break
        if board.fits(pop, start.start, start.end):
            fitting.append(start)
    if not fitting:
        return None
    costs = board.costs(pop, fitting, (), is_early=False)
    return min(zip(costs, fitting, strict=True))[1]


def may_be_late(works: Works, pop: PopId, since: int) -> bool:
    """Whether a PoP may go after the train's last day: its window opened in the train, but too seldom.

    A PoP that has a window every other day or more, and for which others left no room, may not.
    """
    if works.first(pop, works.begin(pop)) is None:
        return False
    return works.is_sparse(pop) or works.first(pop, since) is None


def placed(works: Works, board: Board, pops: Sequence[PopId], after: int, since: int) -> dict[PopId, Start]:
    """The places of the stragglers of a ring; one for which others leave no room is left out.

    `after`: when the ring's turn comes; `since`: when it could have come first.
    """
    made: dict[PopId, Start] = {}
    for pop in pops:
        place = place_of(works, board, pop, after, overtime=may_be_late(works, pop, since))
        if place is not None:
            board.place(pop, place.start, place.end)
            made[pop] = place
    return made


def is_behind(works: Works, pop: PopId, place: Start) -> bool:
    """Whether a place lies after the train's last day."""
    return place.start >= works.begin(pop) + works.days * DAY


def why(works: Works, pop: PopId, turn: int, place: Start) -> str:
    """Why a straggler goes when it does; `turn` is when its ring begins."""
    days = f"its window opens on {works.opening_days(pop)} of {works.days} days"
    when = f"its ring's turn comes {works.instant(turn):%a %m-%d %H:%M} UTC"
    if is_behind(works, pop, place):
        return f"{days}; {when}, and the train has no opening for it after that"
    return f"{days}; {when}, and nobody waits for it"
