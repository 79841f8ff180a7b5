"""Train sheet: how does a whole train look at one glance, PoPs by days?

An SVG of bounded size: one row for each PoP as long as there are few, else one cell for all PoPs of a wave and an
hour, as dark as they are many. A picture of 4,000 PoPs has at most `CELLS_MAX` shapes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from xml.sax.saxutils import escape

import msgspec

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
NOW = f'class="still" stroke="{INK}" stroke-width="1.5" stroke-dasharray="5 4"'
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


class Look(StrEnum):
    """How a PoP's bar looks."""

    DONE = "done"
    MOVES = "moves"
    WENT_BACK = "went back"
    PLANNED = "planned"


class Bar(msgspec.Struct, frozen=True):
    """One PoP's part in the train."""

    pop: str
    wave: int
    planned: datetime
    began: datetime | None
    ended: datetime | None
    look: Look
    missed: bool = False
    """Whether it has missed a window."""


class Train(msgspec.Struct, frozen=True):
    """What is drawn. `rings` has the ring of each wave."""

    title: str
    departs: datetime
    days: float
    rings: Mapping[int, str]
    bars: Sequence[Bar]
    now: datetime | None = None
    """Where a line stands; None where the picture is not about now."""


def picture(train: Train) -> str:
    """The SVG, as text."""
    rings = list(dict.fromkeys(ring for _, ring in sorted(train.rings.items())))
    of_wave = {ordinal: rings.index(ring) for ordinal, ring in train.rings.items()}
    bars = sorted(train.bars, key=lambda bar: (bar.wave, bar.planned, bar.pop))
    return "\n".join(_drawn(train, rings, of_wave, bars)) + "\n"


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


def _drawn(train: Train, rings: list[str], of_wave: dict[int, int], bars: list[Bar]) -> Iterator[str]:
    early = min([train.departs, *(bar.began for bar in bars if bar.began is not None)])
    lead = -((early - train.departs) // DAY)  # whoever is east of UTC has its Sunday earlier
    shown = legend(rings, "moving now" if train.now is not None else "still moving at the end")
    frame = _Frame(train.departs - lead * DAY, train.days + lead, len(bars), TOP + shown[-1][1] - LEGEND_TOP)
    full = frame.top + frame.height + FOOT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {full:.0f}" '
        f'class="train" role="img" font-family="sans-serif" font-size="11" fill="{INK}">'
    )
    yield f"<title>{escape(train.title)}</title><style>{STYLE}</style>"
    yield f'<rect class="paper" width="100%" height="100%" fill="{PAPER}"/>'
    yield f'<text x="12" y="20" font-size="15">{escape(train.title)}</text>'
    yield from _explained(shown)
    yield from _days(frame)
    yield from _names(frame, bars, rings, of_wave)
    yield from _bars(frame, bars, of_wave)
    if train.now is not None and LEFT <= (x := frame.x(train.now)) <= LEFT + WIDTH:
        yield f'<path {NOW} d="M{x:.1f} {frame.top - 6:.0f}V{frame.top + frame.height:.0f}"/>'
    yield "</svg>"


def legend(rings: list[str], moves: str = "still moving at the end") -> list[tuple[float, float, str, str]]:
    """Each entry with its place, its shape, to be formatted with x and y, and its words; in rows that fit."""
    square = '<rect x="{{x:.0f}}" y="{{y:.0f}}" width="11" height="11" {}/>'
    line = '<path {} d="M{{x:.0f}} {{y:.0f}}v11"/>'
    entries = [(square.format(f'fill="{_colour(index)}"'), ring) for index, ring in enumerate(rings)]
    entries += [
        (square.format(f'fill="{BACK_COLOUR}"'), "went back"),
        (line.format(STILL), moves),
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


def _names(frame: _Frame, bars: list[Bar], rings: list[str], of_wave: dict[int, int]) -> Iterator[str]:
    """Each PoP's name while there is room, else each wave's."""
    if frame.share == 1 and frame.row >= 9:
        for place, bar in enumerate(bars):
            yield f'<text x="12" y="{frame.y(place) + frame.row - 2:.1f}">{escape(_cut(bar.pop))}</text>'
        return
    seen, last = set(), -99.0
    for place, bar in enumerate(bars):
        if bar.wave in seen:
            continue
        seen.add(bar.wave)
        y = max(frame.y(place) + 10, last + 12)
        last = y
        count = sum(other.wave == bar.wave for other in bars)
        text = f"{bar.wave} {rings[of_wave[bar.wave]]}: {count}"
        yield f'<text x="12" y="{y:.1f}">{escape(_cut(text))}</text>'


def _bars(frame: _Frame, bars: list[Bar], of_wave: dict[int, int]) -> Iterator[str]:
    """One bar for each row and PoP; rows that are shared draw each kind of bar of an hour once."""
    drawn: set[tuple[int, int, str]] = set()
    marks = 0
    height = max(0.9, frame.row - (1.0 if frame.row >= 4 else 0.0))
    for place, bar in enumerate(bars):
        begins = bar.began or bar.planned
        ends = bar.ended or begins + timedelta(hours=1)
        x, y = frame.x(begins), frame.y(place)
        key = (place // frame.share, round(x), bar.look)
        if x > LEFT + WIDTH or key in drawn or len(drawn) >= CELLS_MAX:
            continue
        drawn.add(key)
        colour = BACK_COLOUR if bar.look is Look.WENT_BACK else _colour(of_wave.get(bar.wave, 0))
        pale = "" if bar.look is not Look.PLANNED else f' opacity="{PALE}"'
        width = max(NARROWEST if frame.share == 1 else NARROW, min(frame.x(ends), LEFT + WIDTH) - x)
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{pale}/>'
        if bar.look is Look.MOVES:
            yield f'<path d="M{x + width:.1f} {y:.1f}v{height:.1f}" {STILL}/>'
        if bar.missed and marks < MISSED_SHOWN:
            marks += 1
            yield f'<path d="M{x - 3:.1f} {y:.1f}v{height:.1f}" {LATE}/>'


def _cut(name: str) -> str:
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"


def _colour(ring: int) -> str:
    return COLOURS[ring % len(COLOURS)]
