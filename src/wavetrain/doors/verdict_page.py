"""Verdict page: what do the checks of a rollout say, on one sheet that needs no script?"""

from collections.abc import Iterator
from html import escape

from wavetrain.control.verdicts import BandSeen, CheckSeen, VerdictSeen
from wavetrain.doors.evidence_picture import picture

HEADS = ("check", "", "e", "alone at", "new", "control", "ratio", "95 %", "compared", "to the limit")
"""Of the figures that `cells` gives of a check."""
_STYLE = (
    "body{font:15px/1.45 sans-serif;margin:1.5rem auto;max-width:70rem;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid #ddd}"
    "th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto;border:1px solid #ddd}"
    ".fail{color:#a00000;font-weight:bold}.wide{overflow-x:auto}"
)


def page(seen: VerdictSeen) -> str:
    """The HTML, as text."""
    return "".join(_page(seen))


def _page(seen: VerdictSeen) -> Iterator[str]:
    title = f"Verdict on {seen.number}, rollout {seen.rollout}"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(title)}</h1>"
    kind = ' class="fail"' if seen.verdict == "fail" else ""
    yield (
        f"<p><span{kind}>{escape(seen.verdict)}</span>; the rollout is {escape(seen.status)}. It goes back when its "
        f"evidence reaches e = {1 / seen.alpha:,.0f}, which at most one sound release in {1 / seen.alpha:,.0f} does, "
        "however often one looks.</p>"
    )
    yield picture(seen)
    yield '<div class="wide"><table><caption>Each check, new nodes against the nodes not yet exposed</caption>'
    yield "<thead><tr>"
    for head in HEADS:
        yield f'<th scope="col">{head}</th>'
    yield "</tr></thead><tbody>"
    for check in seen.checks:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(check)) + "</tr>"
    yield "</tbody></table></div>"
    for check in seen.checks:
        if check.quantiles:
            yield from _quantiles(check)
    for note in notes(seen):
        yield f"<p>{escape(note)}</p>"
    yield "</body></html>"


def _quantiles(check: CheckSeen) -> Iterator[str]:
    yield f"<table><caption>Quantiles of {escape(check.name)}, true but for one time in twenty each</caption>"
    yield '<thead><tr><th scope="col"></th><th scope="col">new</th><th scope="col">control</th></tr></thead><tbody>'
    for held in check.quantiles:
        yield f"<tr><td>p{held.quantile * 100:g}</td><td>{_band(held.new)}</td><td>{_band(held.control)}</td></tr>"
    yield "</tbody></table>"


def _band(held: BandSeen) -> str:
    if held.lower is None and held.upper is None:
        return "not known yet"
    if held.upper is None:
        return f"over {held.lower:g}"
    between = f"up to {held.upper:g}" if held.lower is None else f"{held.lower:g} to {held.upper:g}"
    return between if held.estimate is None else f"{held.estimate:.3g} ({between})"


def cells(check: CheckSeen) -> tuple[str, ...]:
    """One check as the words and figures of a row."""
    return (
        check.name,
        role(check),
        f"{check.e:.3g}",
        f"{check.e_alone:,.0f}",
        f"{check.new_events:,.0f} of {check.new_exposure:,.0f}",
        f"{check.control_events:,.0f} of {check.control_exposure:,.0f}",
        "-" if check.ratio is None else f"{check.ratio:.2f}",
        interval(check),
        f"{check.compared_s:,.0f} s",
        "-" if check.to_limit is None else f"{check.to_limit:.1f} x",
    )


def role(check: CheckSeen) -> str:
    """Whether it gates, and in how many PoPs it cannot."""
    if not check.gate:
        return "watch"
    count = len(check.only_watches) + check.only_watches_left_off
    return f"gate, watch in {count}" if count else "gate"


def notes(seen: VerdictSeen) -> Iterator[str]:
    """What is to be said of single checks, a sentence each: where a gate only watches, what is judged by pairs."""
    for check in seen.checks:
        if check.only_watches:
            more = f" and {check.only_watches_left_off} more PoPs" if check.only_watches_left_off else ""
            yield (
                f"{check.name} only watches in {', '.join(check.only_watches)}{more}: no sound release could pass it "
                "there in time; what it says against the release counts as before"
            )
        if check.pairs:
            yield (
                f"{check.name} is judged by matched pairs where no pre-period tells how it varies from node to node: "
                f"{check.pairs} of them, each a new node and a like one, have bet so far"
            )


def interval(check: CheckSeen) -> str:
    """Between which ratios the truth lies."""
    if check.ratio_low is None:
        return "-"
    high = "any" if check.ratio_high is None else f"{check.ratio_high:.2f}"
    return f"{check.ratio_low:.2f} to {high}"
