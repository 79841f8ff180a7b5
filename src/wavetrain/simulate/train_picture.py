"""Train picture: how does a whole train look at one glance, PoPs by days?

An SVG of bounded size: one row for each PoP as long as there are few, else one cell for all PoPs of a wave and an
hour, as dark as they are many. A picture of 4,000 PoPs has at most `CELLS_MAX` shapes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from xml.sax.saxutils import escape

from wavetrain.model.rollout import Wave
from wavetrain.simulate.record_book import DONE, MOVES, WENT_BACK, Visit
from wavetrain.simulate.rehearsal import Rehearsal

COLOURS = ("#7b3294", "#2166ac", "#178546", "#a67908", "#cc5500", "#525252", "#0e7490", "#9d174d")
"""By ring, in order; again from the first when there are more."""
DARK_COLOURS = ("#cf9be6", "#6cb2f0", "#4cc79c", "#d6b13c", "#f0935a", "#b4b4b4", "#5cc4dd", "#f08abf")
BACK_COLOUR = "#c00000"
PAPER, INK, FAINT, GRID = "#ffffff", "#111111", "#767676", "#dddddd"
STYLE = (
    "@media (prefers-color-scheme:dark){.train{fill:#eee}.train .paper{fill:#16181d}.train .grid{stroke:#3a3d44}"
    f".train .still{{stroke:#eee}}.train [fill='{BACK_COLOUR}']{{fill:#ff6b6b}}"
    + "".join(
        f".train [fill='{light}']{{fill:{dark}}}" for light, dark in zip(COLOURS, DARK_COLOURS, strict=True)
    )
    + "}"
)
"""What stands for the light colours, which are at the shapes, where the reader's screen is dark."""
PALE = 0.45
LEGEND_LEFT, LEGEND_TOP, LEGEND_ROW = 12.0, 32.0, 18.0
STILL = f'class="still" stroke="{INK}" stroke-width="2"'
LATE = f'stroke="{FAINT}" stroke-width="1.4"'
DAY_WIDTH = 64
"""Room for a day's name, in pixels."""
NAME_MAX = 22
"""Characters of a name beside the rows; longer ones are cut, with an ellipsis."""
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

    def __init__(self, starts: datetime, days: float, rows: int, top: float) -> None:
        self.starts, self.days, self.top = starts, days, top
        self.share = -(-rows // ROWS_MAX) if rows else 1
        """PoPs for each row."""
        self.rows = -(-rows // self.share) if rows else 1
        self.row = max(1.0, min(14.0, HEIGHT / self.rows))
        self.height = self.row * self.rows

    def x(self, at: datetime) -> float:
        return LEFT + WIDTH * (at - self.starts).total_seconds() / (self.days * 86_400.0)

    def y(self, place: int) -> float:
        return self.top + self.row * (place // self.share)


def _drawn(run: Rehearsal, rings: list[str], of_wave: dict[int, int], visits: list[Visit]) -> Iterator[str]:
    early = min([run.departs, *(visit.began for visit in visits if visit.began is not None)])
    lead = -((early - run.departs) // DAY)  # whoever is east of UTC has its Sunday earlier
    shown = legend(rings)
    frame = _Frame(
        run.departs - lead * DAY, run.plan.days + lead, len(visits), TOP + shown[-1][1] - LEGEND_TOP
    )
    full = frame.top + frame.height + FOOT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {full:.0f}" '
        f'class="train" role="img" font-family="sans-serif" font-size="11" fill="{INK}">'
    )
    rollout = run.rollout
    status = rollout.status.value if rollout is not None else "planned"
    title = f"{run.plan.component} {run.plan.number}: {len(visits)} PoPs, {status}"
    yield f"<title>{escape(title)}</title><style>{STYLE}</style>"
    yield f'<rect class="paper" width="100%" height="100%" fill="{PAPER}"/>'
    yield f'<text x="12" y="20" font-size="15">{escape(title)}</text>'
    yield from _explained(shown)
    yield from _days(frame)
    yield from _names(frame, visits, rings, of_wave)
    yield from _bars(frame, visits, of_wave)
    yield "</svg>"


def legend(rings: list[str]) -> list[tuple[float, float, str, str]]:
    """Each entry with its place, its shape, to be formatted with x and y, and its words; in rows that fit."""
    square = '<rect x="{{x:.0f}}" y="{{y:.0f}}" width="11" height="11" {}/>'
    line = '<path {} d="M{{x:.0f}} {{y:.0f}}v11"/>'
    entries = [(square.format(f'fill="{_colour(index)}"'), ring) for index, ring in enumerate(rings)]
    entries += [
        (square.format(f'fill="{BACK_COLOUR}"'), "went back"),
        (line.format(STILL), "still moving at the end"),
        (square.format(f'fill="{_colour(0)}" opacity="{PALE}"'), "not begun, where it is planned"),
        (line.format(LATE), "has missed a window"),
    ]
    out: list[tuple[float, float, str, str]] = []
    x, y = LEGEND_LEFT, LEGEND_TOP
    for shape, text in entries:
        width = 34 + 6.5 * len(text)
        if x + width > LEFT + WIDTH and x > LEGEND_LEFT:
            x, y = LEGEND_LEFT, y + LEGEND_ROW
        out.append((x, y, shape, text))
        x += width
    return out


def _explained(shown: list[tuple[float, float, str, str]]) -> Iterator[str]:
    for x, y, shape, text in shown:
        yield shape.format(x=x, y=y)
        yield f'<text x="{x + 15:.0f}" y="{y + 10:.0f}">{escape(text)}</text>'


def _days(frame: _Frame) -> Iterator[str]:
    """Every day, or every so many where there are too many for their names; the month where it begins."""
    bottom = frame.top + frame.height
    step = ceil(DAY_WIDTH * frame.days / WIDTH)
    month = 0
    for day in range(0, int(frame.days) + 1, step):
        at = frame.starts + timedelta(days=day)
        x = frame.x(at)
        yield f'<path class="grid" d="M{x:.1f} {frame.top - 4}V{bottom:.0f}" stroke="{GRID}" stroke-width="0.7"/>'
        if day < frame.days:
            said = f"{at:%a %d}" if at.month == month else f"{at:%a %d %b}"
            month = at.month
            yield f'<text x="{x + 3:.1f}" y="{bottom + 14:.0f}">{said}</text>'
    yield f'<text x="12" y="{bottom + 14:.0f}">days in UTC</text>'


def _names(frame: _Frame, visits: list[Visit], rings: list[str], of_wave: dict[int, int]) -> Iterator[str]:
    """Each PoP's name while there is room, else each wave's."""
    if frame.share == 1 and frame.row >= 9:
        for place, visit in enumerate(visits):
            yield f'<text x="12" y="{frame.y(place) + frame.row - 2:.1f}">{escape(_cut(visit.pop))}</text>'
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
        yield f'<text x="12" y="{y:.1f}">{escape(_cut(text))}</text>'


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
        pale = "" if visit.outcome in (DONE, WENT_BACK, MOVES) else f' opacity="{PALE}"'
        width = max(NARROWEST if frame.share == 1 else NARROW, min(frame.x(ends), LEFT + WIDTH) - x)
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{pale}/>'
        if visit.outcome == MOVES:
            yield f'<path d="M{x + width:.1f} {y:.1f}v{height:.1f}" {STILL}/>'
        if visit.missed and marks < MISSED_SHOWN:
            marks += 1
            yield f'<path d="M{x - 3:.1f} {y:.1f}v{height:.1f}" {LATE}/>'


def _cut(name: str) -> str:
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"


def _colour(ring: int) -> str:
    return COLOURS[ring % len(COLOURS)]
