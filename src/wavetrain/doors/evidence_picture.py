"""Evidence picture: how did the evidence against a release grow, and how far is it from its threshold?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil, exp, floor, log
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from wavetrain.control.verdicts import VerdictSeen

PAPER, INK, FAINT, GRID, BAD, REST = "#ffffff", "#111111", "#555555", "#dddddd", "#b00000", "#767676"
COLOURS: Final = ("#1764a3", "#a84300", "#0b7355", "#7b3294", "#775700", "#a3175f")
"""Of the checks with the most evidence; the others are grey."""
DARK: Final = {
    "paper": "#16181d",
    "ink": "#eeeeee",
    "faint": "#b4b4b4",
    "grid": "#3a3d44",
    "bad": "#ff8a8a",
    "rest": "#9a9a9a",
    "c0": "#6cb2f0",
    "c1": "#f0935a",
    "c2": "#4cc79c",
    "c3": "#cf9be6",
    "c4": "#d6b13c",
    "c5": "#f08abf",
}
"""What stands for each colour, by its class, where the reader's screen is dark."""
DEPTH: Final = log(100)
"""So far below no evidence the picture reaches: what is deeper says nothing that a person acts on."""
LABEL_GAP: Final = 16
NAME_MAX: Final = 22
"""Characters of a check's name; longer ones are cut, with an ellipsis."""

TITLE_MAX: Final = 96
"""Characters of a title in one line."""


class Sheet(msgspec.Struct, frozen=True):
    """The sizes of a picture, in pixels."""

    width: int
    left: int
    right: int
    top: int
    plot: int
    """The height of what is drawn between the axes."""
    parts: int
    """Of the time axis."""
    is_narrow: bool = False
    """The lines' names stand below, and words are few: for a phone."""

    @property
    def bottom(self) -> int:
        """Where the time axis is."""
        return self.top + self.plot

    @property
    def end(self) -> int:
        """Where lines end."""
        return self.width - self.right


WIDE: Final = Sheet(960, 70, 240, 56, 330, 4)
NARROW: Final = Sheet(358, 58, 30, 70, 280, 2, is_narrow=True)


def picture(seen: VerdictSeen, sheet: Sheet = WIDE) -> str:
    """The SVG, as text: log e of the whole test and of each check over time, with the threshold."""
    return "\n".join(_drawn(seen, sheet)) + "\n"


class _Frame:
    """Where an instant and a log e are on the sheet."""

    def __init__(self, sheet: Sheet, at: Sequence[datetime], threshold: float, highest: float) -> None:
        self.sheet = sheet
        self.starts = at[0]
        self.seconds = max((at[-1] - at[0]).total_seconds(), 1.0)
        self.top = max(threshold * 1.12, min(highest, threshold * 3))

    def x(self, at: datetime) -> float:
        sheet = self.sheet
        return sheet.left + (sheet.end - sheet.left) * (at - self.starts).total_seconds() / self.seconds

    def y(self, log_e: float) -> float:
        held = min(max(log_e, -DEPTH), self.top)
        return self.sheet.top + self.sheet.plot * (self.top - held) / (self.top + DEPTH)


def _drawn(seen: VerdictSeen, sheet: Sheet) -> Iterator[str]:
    track = seen.track
    leading = sorted(range(len(track.checks)), key=lambda place: -max(track.by_check[place]))
    ranks = {place: rank for rank, place in enumerate(leading[: len(COLOURS)])}
    height = (
        sheet.bottom + 52 + (LABEL_GAP * min(len(leading) + 1, len(COLOURS) + 2) if sheet.is_narrow else 0)
    )
    first, then = f"Evidence against {seen.number}", f"{seen.verdict}, e = {e_text(seen.log_e)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="evidence" viewBox="0 0 {sheet.width} {height}" role="img" '
        'font-family="sans-serif" font-size="12">'
    )
    whole = f"{first} (rollout {seen.rollout}): {then}"
    is_whole = not sheet.is_narrow and len(whole) <= TITLE_MAX
    yield f"<title>{escape(whole)}</title>"
    yield f"<style>{_style()}</style>"
    yield f'<rect class="paper" width="{sheet.width}" height="{height}" fill="{PAPER}"/>'
    yield from _headed(sheet, (whole,) if is_whole else (first, then))
    if not track.at:
        yield _text(sheet.left, sheet.top + 40, "Nothing has been compared yet.", "ink", INK)
        yield "</svg>"
        return
    highest = max(max(track.log_e), *(max(line) for line in track.by_check)) if track.by_check else 0.0
    frame = _Frame(sheet, track.at, _threshold(seen), highest)
    yield from _axes(seen, frame)
    for place in reversed(leading):
        colour, name = (COLOURS[ranks[place]], f"c{ranks[place]}") if place in ranks else (REST, "rest")
        yield _line(frame, track.at, track.by_check[place], name, colour, 1.6)
    yield _line(frame, track.at, track.log_e, "ink", INK, 2.8)
    yield from _labels(seen, frame, ranks)
    yield "</svg>"


def _style() -> str:
    """The dark colours; the light ones stand at the shapes, for readers that know no styles."""
    rules = (
        f".evidence text.{name},.evidence rect.{name}{{fill:{colour}}}"
        f".evidence line.{name},.evidence polyline.{name}{{stroke:{colour}}}"
        for name, colour in DARK.items()
    )
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _text(x: float, y: float, said: str, name: str, colour: str, more: str = "") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" fill="{colour}"{more}>{escape(said)}</text>'


def _headed(sheet: Sheet, lines: Sequence[str]) -> Iterator[str]:
    x = 10 if sheet.is_narrow else sheet.left
    for number, line in enumerate(lines):
        yield _text(x, 22 + 18 * number, line, "ink", INK, ' font-size="14" font-weight="bold"')
    yield _text(10, sheet.top - 14, "e-value", "faint", FAINT)


def _axes(seen: VerdictSeen, frame: _Frame) -> Iterator[str]:
    sheet = frame.sheet
    left, right, bottom = sheet.left, sheet.end, sheet.bottom
    step = ceil((frame.top + DEPTH) / log(10) / 12)
    for decade in range(floor(-DEPTH / log(10)), ceil(frame.top / log(10)) + 1):
        value = decade * log(10)
        if -DEPTH <= value <= frame.top and decade % step == 0:
            y = frame.y(value)
            said = e_text(value) if decade < 5 else f"1e{decade}"
            yield f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield _text(left - 8, y + 4, said, "ink", INK, ' text-anchor="end"')
    is_short = frame.seconds < 3_600
    step_s = ceil(frame.seconds / sheet.parts)
    for part in range(floor(frame.seconds / step_s) + 1):
        at = frame.starts + timedelta(seconds=step_s * part)
        stamp, x = at.strftime("%H:%M:%S" if is_short else "%d %b %H:%M"), frame.x(at)
        yield _text(x, bottom + 18, stamp, "ink", INK, ' text-anchor="middle"')
        yield f'<line class="faint" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}" stroke="{FAINT}"/>'
    day = f"{frame.starts:{'%d %b %Y' if is_short else '%Y'}}, train time, UTC"
    yield _text(right, bottom + 36, day, "faint", FAINT, ' text-anchor="end"')
    threshold = _threshold(seen)
    y = frame.y(threshold)
    yield (
        f'<line class="bad" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{BAD}" stroke-width="1.6" '
        'stroke-dasharray="6 4"/>'
    )
    promise = "" if sheet.is_narrow else f": at most one sound release in {e_text(-log(seen.alpha))}"
    yield _text(left + 6, y - 6, f"goes back at e = {e_text(threshold)}{promise}", "bad", BAD)


def _line(
    frame: _Frame, at: Sequence[datetime], values: Sequence[float], name: str, colour: str, width: float
) -> str:
    points = " ".join(
        f"{frame.x(when):.1f},{frame.y(value):.1f}" for when, value in zip(at, values, strict=True)
    )
    return (
        f'<polyline class="{name}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round" points="{points}"/>'
    )


def _labels(seen: VerdictSeen, frame: _Frame, ranks: dict[int, int]) -> Iterator[str]:
    """Each line's name with its newest value, the highest first: beside its end, or in a list below."""
    sheet, track = frame.sheet, seen.track
    newest = {check.name: check.log_e for check in seen.checks}
    ends = [(frame.y(seen.log_e), "all together", "ink", INK, seen.log_e)]
    for place, rank in ranks.items():
        value = newest.get(track.checks[place], track.by_check[place][-1])
        ends.append((frame.y(value), _cut(track.checks[place]), f"c{rank}", COLOURS[rank], value))
    if others := [max(line) for place, line in enumerate(track.by_check) if place not in ranks]:
        ends.append((frame.y(max(others)), f"{len(others)} more, at most", "rest", REST, max(others)))
    ends.sort()
    if sheet.is_narrow:
        x, ys = 38.0, [sheet.bottom + 56.0 + LABEL_GAP * number for number in range(len(ends))]
    else:
        x, ys = sheet.end + 30.0, _apart([end[0] for end in ends], sheet)
    for y, (at, name, style, colour, value) in zip(ys, ends, strict=True):
        from_y = y if sheet.is_narrow else at
        yield (
            f'<line class="{style}" x1="{x - 26:.0f}" y1="{from_y:.1f}" x2="{x - 6:.0f}" y2="{y:.1f}" '
            f'stroke="{colour}" stroke-width="{2.8 if style == "ink" else 1.6}"/>'
        )
        more = ' font-weight="bold"' if style == "ink" else ""
        yield _text(x, y + 4, f"{name} {e_text(value)}", style, colour, more)


def _apart(ys: Sequence[float], sheet: Sheet) -> list[float]:
    """Places for labels at these heights, in order and none upon another, within the sheet."""
    places: list[float] = []
    for y in ys:
        places.append(max(y, places[-1] + LABEL_GAP if places else sheet.top))
    lowest = [sheet.bottom - LABEL_GAP * left for left in reversed(range(len(places)))]
    return [min(both) for both in zip(places, lowest, strict=True)]


def _threshold(seen: VerdictSeen) -> float:
    return seen.log_threshold or -log(seen.alpha)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"


def e_text(log_e: float) -> str:
    """An e-value as people read it."""
    value = exp(min(log_e, 700.0))
    if value >= 999.5:
        return f"{value:,.0f}" if value < 1e7 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{value:.3g}"
