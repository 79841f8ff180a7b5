"""Evidence picture: how did the evidence against a release grow, and how far is it from its threshold?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil, exp, floor, log
from typing import Final
from xml.sax.saxutils import escape

from wavetrain.control.verdicts import VerdictSeen

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 40, 44
COLOURS: Final = ("#1f77b4", "#d95f02", "#1b9e77", "#7b3294", "#b8860b", "#0e7490")
"""Of the checks with the most evidence; the others are grey."""
DEPTH: Final = log(100)
"""So far below no evidence the picture reaches: what is deeper says nothing that a person acts on."""
LABEL_GAP: Final = 15.0


def picture(seen: VerdictSeen) -> str:
    """The SVG, as text: log e of the whole test and of each check over time, with the threshold."""
    return "\n".join(_drawn(seen)) + "\n"


class _Frame:
    """Where an instant and a log e are on the sheet."""

    def __init__(self, at: Sequence[datetime], threshold: float, highest: float) -> None:
        self.starts = at[0]
        self.seconds = max((at[-1] - at[0]).total_seconds(), 1.0)
        self.top = max(threshold * 1.12, min(highest, threshold * 3))

    def x(self, at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - self.starts).total_seconds() / self.seconds

    def y(self, log_e: float) -> float:
        held = min(max(log_e, -DEPTH), self.top)
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.top - held) / (self.top + DEPTH)


def _drawn(seen: VerdictSeen) -> Iterator[str]:
    track, said = seen.track, _said(seen)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f"<title>{escape(said)}</title>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold">{escape(said)}</text>'
    if not track.at:
        yield f'<text x="{LEFT}" y="{TOP + 40}">Nothing has been compared yet.</text></svg>'
        return
    highest = max(max(track.log_e), *(max(line) for line in track.by_check)) if track.by_check else 0.0
    frame = _Frame(track.at, seen.log_threshold or -log(seen.alpha), highest)
    yield from _axes(seen, frame)
    leading = sorted(range(len(track.checks)), key=lambda place: -max(track.by_check[place]))
    colours = {place: COLOURS[rank] for rank, place in enumerate(leading[: len(COLOURS)])}
    for place in reversed(leading):
        line = track.by_check[place]
        yield _line(frame, track.at, line, colours.get(place, "#b5b5b5"), 1.4)
    yield _line(frame, track.at, track.log_e, "#000000", 2.6)
    yield from _labels(seen, frame, colours)
    yield "</svg>"


def _said(seen: VerdictSeen) -> str:
    return f"Evidence against {seen.number} (rollout {seen.rollout}): {seen.verdict}, e = {_e(seen.log_e)}"


def _axes(seen: VerdictSeen, frame: _Frame) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for decade in range(floor(-DEPTH / log(10)), ceil(frame.top / log(10)) + 1):
        value = decade * log(10)
        if -DEPTH <= value <= frame.top:
            y = frame.y(value)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_e(value)}</text>'
    for part in range(5):
        at = frame.starts + timedelta(seconds=frame.seconds * part / 4)
        stamp = at.strftime("%H:%M:%S" if frame.seconds < 3_600 else "%d %b %H:%M")
        yield (
            f'<text x="{frame.x(at):.1f}" y="{bottom + 18}" text-anchor="middle">{stamp}</text>'
            f'<line x1="{frame.x(at):.1f}" y1="{bottom}" x2="{frame.x(at):.1f}" y2="{bottom + 4}" stroke="#777777"/>'
        )
    yield f'<text x="{right}" y="{bottom + 36}" text-anchor="end" fill="#555555">train time, UTC</text>'
    y = frame.y(seen.log_threshold or -log(seen.alpha))
    yield (
        f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#c00000" stroke-width="1.6" '
        'stroke-dasharray="6 4"/>'
    )
    yield (
        f'<text x="{LEFT + 6}" y="{y - 6:.1f}" fill="#c00000">goes back at e = '
        f"{_e(seen.log_threshold or -log(seen.alpha))}: at most one sound release in {_e(-log(seen.alpha))}</text>"
    )


def _line(frame: _Frame, at: Sequence[datetime], values: Sequence[float], colour: str, width: float) -> str:
    points = " ".join(
        f"{frame.x(when):.1f},{frame.y(value):.1f}" for when, value in zip(at, values, strict=True)
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="{points}"/>'


def _labels(seen: VerdictSeen, frame: _Frame, colours: dict[int, str]) -> Iterator[str]:
    """Beside each line's end its name, moved apart where they would lie upon each other."""
    track = seen.track
    newest = {check.name: check.log_e for check in seen.checks}
    ends = [(frame.y(seen.log_e), "all together", "#000000", seen.log_e)]
    for place, colour in colours.items():
        value = newest.get(track.checks[place], track.by_check[place][-1])
        ends.append((frame.y(value), track.checks[place], colour, value))
    ends.sort()
    free = float(TOP)
    places = []
    for y, *_ in ends:
        free = max(free, y)
        places.append(free)
        free += LABEL_GAP
    spill = max(0.0, free - LABEL_GAP - (HEIGHT - BOTTOM))
    for y, (_, name, colour, value) in zip(places, ends, strict=True):
        weight = ' font-weight="bold"' if name == "all together" else ""
        yield (
            f'<text x="{WIDTH - RIGHT + 8}" y="{y - spill + 4:.1f}" fill="{colour}"{weight}>'
            f"{escape(name)} {_e(value)}</text>"
        )


def _e(log_e: float) -> str:
    """An e-value as people read it."""
    value = exp(min(log_e, 700.0))
    if value >= 999.5:
        return f"{value:,.0f}" if value < 1e7 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{value:.3g}"
