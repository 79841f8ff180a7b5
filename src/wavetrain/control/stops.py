"""Stops: where does a rollout stop, by the timetable that holds now or by an earlier one?"""

from wavetrain.control.ports import View
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import PopId
from wavetrain.model.rollout import Rollout, RolloutId, Stop, Timetable


def stops_of(view: View, rollout: Rollout, number: int | None = None) -> tuple[Stop, ...]:
    """Every stop of a rollout as of a timetable's number, by default the newest, in order of time.

    A revision lists only the stops that it changes, so they are laid over each other from the first on.
    """
    made: dict[PopId, Stop] = {}
    for table in timetables(view, rollout.id, rollout.timetable if number is None else number):
        for pop in table.gone:
            made.pop(pop, None)
        made |= {stop.pop: stop for stop in table.stops}
    return tuple(sorted(made.values(), key=lambda stop: (stop.opens, stop.pop)))


def why_moved(view: View, rollout: Rollout, pop: str) -> str:
    """Why a PoP is not where it was planned first, as its last revision says; empty where it is."""
    for number in range(rollout.timetable, 1, -1):
        for stop in table_of(view, rollout.id, number).stops:
            if stop.pop == pop:
                return stop.why
    return ""


def timetables(view: View, rollout: RolloutId, last: int) -> list[Timetable]:
    """The timetables of a rollout up to a number, oldest first."""
    return [table_of(view, rollout, number) for number in range(1, last + 1)]


def table_of(view: View, rollout: RolloutId, number: int) -> Timetable:
    """One timetable of a rollout."""
    found = view.get(Timetable, rollout, str(number))
    if found is None:
        raise UnknownError(
            f"rollout {rollout} has no timetable {number}; see: wavetrain train show {rollout}"
        )
    return found
