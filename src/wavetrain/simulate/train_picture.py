"""Train picture: how did a rehearsed train go, PoPs by days?"""

from wavetrain.doors import train_sheet
from wavetrain.doors.train_sheet import Bar, Look, Train
from wavetrain.model.rollout import Wave
from wavetrain.simulate.record_book import DONE, MOVES, WENT_BACK, Visit
from wavetrain.simulate.rehearsal import Rehearsal

_LOOKS = {DONE: Look.DONE, MOVES: Look.MOVES, WENT_BACK: Look.WENT_BACK}


def picture(run: Rehearsal) -> str:
    """The SVG, as text."""
    visits = run.book.visits.values()
    status = run.rollout.status.value if run.rollout is not None else "planned"
    return train_sheet.picture(
        Train(
            title=f"{run.plan.component} {run.plan.number}: {len(visits)} PoPs, {status}",
            departs=run.departs,
            days=run.plan.days,
            rings={wave.ordinal: wave.ring for wave in run.ground.all(Wave)},
            bars=[_bar(visit) for visit in visits],
        )
    )


def _bar(visit: Visit) -> Bar:
    return Bar(
        pop=visit.pop,
        wave=visit.wave,
        planned=visit.planned,
        began=visit.began,
        ended=visit.ended,
        look=_LOOKS.get(visit.outcome, Look.PLANNED),
        missed=bool(visit.missed),
    )
