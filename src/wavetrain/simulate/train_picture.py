"""Train picture: how does a whole train look at one glance, PoPs by days?

An SVG of bounded size: one row for each PoP as long as there are few, else one cell for all PoPs of a wave and an
hour, as dark as they are many. A picture of 4,000 PoPs has at most `CELLS_MAX` shapes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from wavetrain.model.rollout import Wave
from wavetrain.simulate.record_book import DONE, MOVES, WENT_BACK, Visit
from wavetrain.simulate.rehearsal import Rehearsal

COLOURS = ("#7b3294", "#2166ac", "#1a9850", "#b8860b", "#d95f0e", "#525252", "#0e7490", "#9d174d")
"""By ring, in order; again from the first when there are more."""
BACK_COLOUR = "#c00000"
LEFT, TOP, WIDTH, FOOT = 150, 64, 1_000, 30
HEIGHT = 640
ROWS_MAX = 640
"""More PoPs than that share rows."""
CELLS_MAX = 12_000
MISSED_SHOWN = 2_000
NARROWEST, NARROW = 3.0, 1.6
"""A bar is at least so wide where each PoP has a row, and where PoPs share one."""
DAY = timedelta(days=1)


def picture(run: Rehearsal) -> str:
    """The SVG, as text."""
    rings = list(dict.fromkeys(wave.ring for wave in sorted(run.ground.all(Wave), key=lambda w: w.ordinal)))
    of_wave = {wave.ordinal: rings.index(wave.ring) for wave in run.ground.all(Wave)}
    visits = sorted(run.book.visits.values(), key=lambda visit: (visit.wave, visit.planned, visit.pop))
    return "\n".join(_drawn(run, rings, of_wave, visits)) + "\n"


class _Frame:
    """Where a PoP and an instant are on the sheet."""

    def __init__(self, starts: datetime, days: float, rows: int) -> None:
        self.starts, self.days = starts, days
        self.share = -(-rows // ROWS_MAX) if rows else 1
        """PoPs for each row."""
        self.rows = -(-rows // self.share) if rows else 1
        self.row = max(1.0, min(14.0, HEIGHT / self.rows))
        self.height = self.row * self.rows

    def x(self, at: datetime) -> float:
        return LEFT + WIDTH * (at - self.starts).total_seconds() / (self.days * 86_400.0)

    def y(self, place: int) -> float:
        return TOP + self.row * (place // self.share)


def _drawn(run: Rehearsal, rings: list[str], of_wave: dict[int, int], visits: list[Visit]) -> Iterator[str]:
    early = min([run.departs, *(visit.began for visit in visits if visit.began is not None)])
    lead = -((early - run.departs) // DAY)  # whoever is east of UTC has its Sunday earlier
    frame = _Frame(run.departs - lead * DAY, run.plan.days + lead, len(visits))
    full = TOP + frame.height + FOOT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {full:.0f}" '
        'font-family="sans-serif" font-size="11">'
    )
    rollout = run.rollout
    status = rollout.status.value if rollout is not None else "planned"
    title = f"{run.plan.component} {run.plan.number}: {len(visits)} PoPs, {status}"
    yield f'<rect width="100%" height="100%" fill="#ffffff"/><text x="12" y="20" font-size="15">{escape(title)}</text>'
    yield from _legend(rings)
    yield from _days(frame)
    yield from _names(frame, visits, rings, of_wave)
    yield from _bars(frame, visits, of_wave)
    yield "</svg>"


def _legend(rings: list[str]) -> Iterator[str]:
    x = 12.0
    for index, ring in enumerate(rings):
        yield f'<rect x="{x:.0f}" y="32" width="11" height="11" fill="{_colour(index)}"/>'
        yield f'<text x="{x + 15:.0f}" y="42">{escape(ring)}</text>'
        x += 34 + 6.5 * len(ring)
    yield f'<rect x="{x:.0f}" y="32" width="11" height="11" fill="{BACK_COLOUR}"/>'
    yield f'<text x="{x + 15:.0f}" y="42">went back</text>'
    x += 90
    yield f'<path d="M{x:.0f} 32v11" stroke="#000000" stroke-width="2"/>'
    yield f'<text x="{x + 8:.0f}" y="42">still moving at the end</text>'
    x += 150
    yield f'<rect x="{x:.0f}" y="32" width="11" height="11" fill="{_colour(0)}" opacity="0.25"/>'
    yield f'<text x="{x + 15:.0f}" y="42">not begun, where it is planned</text>'
    x += 200
    yield f'<path d="M{x:.0f} 32v11" stroke="#999999" stroke-width="1.4"/>'
    yield f'<text x="{x + 8:.0f}" y="42">has missed a window</text>'


def _days(frame: _Frame) -> Iterator[str]:
    bottom = TOP + frame.height
    for day in range(int(frame.days) + 1):
        at = frame.starts + timedelta(days=day)
        x = frame.x(at)
        yield f'<path d="M{x:.1f} {TOP - 4}V{bottom:.0f}" stroke="#dddddd" stroke-width="0.7"/>'
        if day < frame.days:
            yield f'<text x="{x + 3:.1f}" y="{bottom + 14:.0f}" fill="#444444">{at:%a %d}</text>'


def _names(frame: _Frame, visits: list[Visit], rings: list[str], of_wave: dict[int, int]) -> Iterator[str]:
    """Each PoP's name while there is room, else each wave's."""
    if frame.share == 1 and frame.row >= 9:
        for place, visit in enumerate(visits):
            yield f'<text x="12" y="{frame.y(place) + frame.row - 2:.1f}">{escape(visit.pop)}</text>'
        return
    seen, last = set(), -99.0
    for place, visit in enumerate(visits):
        if visit.wave in seen:
            continue
        seen.add(visit.wave)
        y = max(frame.y(place) + 10, last + 12)
        last = y
        count = sum(other.wave == visit.wave for other in visits)
        text = f"{visit.wave} {rings[of_wave[visit.wave]]}: {count}"
        yield f'<text x="12" y="{y:.1f}">{escape(text)}</text>'


def _bars(frame: _Frame, visits: list[Visit], of_wave: dict[int, int]) -> Iterator[str]:
    """One bar for each row and PoP; rows that are shared draw each kind of bar of an hour once."""
    drawn: set[tuple[int, int, str]] = set()
    marks = 0
    height = max(0.9, frame.row - (1.0 if frame.row >= 4 else 0.0))
    for place, visit in enumerate(visits):
        begins = visit.began or visit.planned
        ends = visit.ended or begins + timedelta(hours=1)
        x, y = frame.x(begins), frame.y(place)
        key = (place // frame.share, round(x), visit.outcome)
        if x > LEFT + WIDTH or key in drawn or len(drawn) >= CELLS_MAX:
            continue
        drawn.add(key)
        colour = BACK_COLOUR if visit.outcome == WENT_BACK else _colour(of_wave.get(visit.wave, 0))
        pale = "" if visit.outcome in (DONE, WENT_BACK, MOVES) else ' opacity="0.25"'
        width = max(NARROWEST if frame.share == 1 else NARROW, min(frame.x(ends), LEFT + WIDTH) - x)
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{pale}/>'
        if visit.outcome == MOVES:
            yield f'<path d="M{x + width:.1f} {y:.1f}v{height:.1f}" stroke="#000000" stroke-width="2"/>'
        if visit.missed and marks < MISSED_SHOWN:
            marks += 1
            yield f'<path d="M{x - 3:.1f} {y:.1f}v{height:.1f}" stroke="#999999" stroke-width="1.4"/>'


def _colour(ring: int) -> str:
    return COLOURS[ring % len(COLOURS)]
