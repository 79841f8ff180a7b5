"""Fleet map: where in the world is which release, and in which state is each PoP?

Equirectangular (plate carrée): a degree is as long in both directions. There is a graticule of our own and no coast, so
that nothing of others is drawn. PoPs without a place on the globe are counted below.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape

from wavetrain.control.overview import STATES, PopNow

By = Literal["release", "state"]
SCALE: Final = 3.0
"""Pixels for a degree."""
WIDTH, HEIGHT = int(360 * SCALE), int(150 * SCALE)
NORTH, SOUTH = 80.0, -70.0
TOP, FOOT, LEFT = 34, 52, 8
EVERY: Final = 30
"""Degrees between the lines."""
RELEASES_MAX: Final = 6
COLOURS: Final = ("#1764a3", "#0b7355", "#a84300", "#7b3294", "#775700", "#a3175f", "#767676")
DARK: Final = ("#6cb2f0", "#4cc79c", "#f0935a", "#cf9be6", "#d6b13c", "#f08abf", "#9a9a9a")
OF_STATE: Final = {
    "quiet": 6,
    "waits": 0,
    "held": 5,
    "moves": 2,
    "bakes": 4,
    "done": 1,
    "goes back": 5,
    "went back": 3,
    "cordoned": 4,
}
"""The colour of each state; shapes tell apart what colours do not."""
HOLLOW: Final = frozenset({"waits", "cordoned"})
STYLE = (
    ".map{fill:#111}.map .paper{fill:#fff}.map .line{stroke:#dddddd}"
    + "".join(f".map .c{number}{{fill:{colour};stroke:{colour}}}" for number, colour in enumerate(COLOURS))
    + ".map .hollow{fill:none;stroke-width:1.6}"
    "@media (prefers-color-scheme:dark){.map{fill:#eee}.map .paper{fill:#16181d}.map .line{stroke:#3a3d44}"
    + "".join(f".map .c{number}{{fill:{colour};stroke:{colour}}}" for number, colour in enumerate(DARK))
    + ".map .hollow{fill:none}}"
)


def picture(pops: Sequence[PopNow], by: By) -> str:
    """The SVG, as text: one point for each PoP, coloured by its release or its state."""
    return "\n".join(_drawn(pops, by)) + "\n"


def releases(pops: Sequence[PopNow]) -> list[tuple[str, int]]:
    """Each release with its PoPs, the most common first; what has none stands under `-`."""
    return Counter(pop.release or "-" for pop in pops).most_common()


def states(pops: Sequence[PopNow]) -> list[tuple[str, int]]:
    """Each state with its PoPs, in the order of `STATES`."""
    found = Counter(pop.state for pop in pops)
    return [(state, found[state]) for state in STATES if found[state]]


def _drawn(pops: Sequence[PopNow], by: By) -> Iterator[str]:
    shown = [name for name, _ in releases(pops)[:RELEASES_MAX]]
    placed = [pop for pop in pops if pop.latitude is not None and pop.longitude is not None]
    title = f"{len(pops)} PoPs by {by}"
    full = TOP + HEIGHT + FOOT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * LEFT} {full}" class="map" role="img" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f"<title>{escape(title)}</title><style>{STYLE}</style>"
    yield '<rect class="paper" width="100%" height="100%"/>'
    yield f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>'
    for degree in range(-180, 181, EVERY):
        x = _x(degree)
        yield f'<path class="line" d="M{x:.0f} {TOP}v{HEIGHT}" stroke-width="0.8"/>'
    for degree in range(-60, 61, EVERY):
        yield f'<path class="line" d="M{LEFT} {_y(degree):.0f}h{WIDTH}" stroke-width="{1.6 if not degree else 0.8}"/>'
    radius = 5.0 if len(placed) <= 200 else 3.2 if len(placed) <= 1_000 else 2.2
    for pop in placed:
        yield _point(pop, by, shown, radius)
    yield from _legend(pops, by, shown)
    if len(placed) < len(pops):
        yield (
            f'<text x="{LEFT}" y="{full - 8}">{len(pops) - len(placed)} PoPs have no latitude and longitude in the '
            "fleet, and are not on the map</text>"
        )
    yield "</svg>"


def _point(pop: PopNow, by: By, shown: Sequence[str], radius: float) -> str:
    assert pop.latitude is not None
    assert pop.longitude is not None
    hollow = by == "state" and pop.state in HOLLOW
    kind = f"c{_colour(pop, by, shown)}{' hollow' if hollow else ''}"
    said = f"{pop.name} ({pop.pop}): {pop.state}{', ' + pop.release if pop.release else ''}"
    x, y = _x(pop.longitude), _y(pop.latitude)
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(said)}</title></circle>'


def _legend(pops: Sequence[PopNow], by: By, shown: Sequence[str]) -> Iterator[str]:
    if by == "state":
        rows = [(OF_STATE[name], name, count, name in HOLLOW) for name, count in states(pops)]
    else:
        counted = releases(pops)
        rows = [(shown.index(name), name, count, False) for name, count in counted[:RELEASES_MAX]]
        rest = sum(count for _, count in counted[RELEASES_MAX:])
        rows += [(len(COLOURS) - 1, "others", rest, False)] if rest else []
    x, y = float(LEFT), TOP + HEIGHT + 18
    for colour, name, count, hollow in rows:
        text = f"{name}: {count}"
        width = 30 + 7.2 * len(text)
        if x + width > WIDTH and x > LEFT:
            x, y = float(LEFT), y + 17
        kind = f"c{colour}{' hollow' if hollow else ''}"
        yield f'<circle class="{kind}" cx="{x + 6:.0f}" cy="{y - 4}" r="5"/>'
        yield f'<text x="{x + 16:.0f}" y="{y}">{escape(text)}</text>'
        x += width


def _colour(pop: PopNow, by: By, shown: Sequence[str]) -> int:
    if by == "state":
        return OF_STATE[pop.state]
    name = pop.release or "-"
    return shown.index(name) if name in shown else len(COLOURS) - 1


def _x(longitude: float) -> float:
    return LEFT + (longitude + 180) * SCALE


def _y(latitude: float) -> float:
    return TOP + (NORTH - min(NORTH, max(SOUTH, latitude))) * SCALE
