"""Verdict page: what do the checks of a rollout say, on one sheet that needs no script?"""

from collections.abc import Iterator
from html import escape

from wavetrain.control.verdicts import BandSeen, CheckSeen, VerdictSeen
from wavetrain.doors.evidence_picture import NARROW, WIDE, e_text, picture
from wavetrain.model.policy import Kind

HEADS = ("check", "role", "e", "alone at", "new", "control", "ratio", "95 %", "compared", "to the limit")
"""Of the figures that `cells` gives of a check."""
_STYLE = (
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1b1b;--line:#ddd;--bad:#b00000;--faint:#555}"
    "@media (prefers-color-scheme:dark){:root{--paper:#16181d;--ink:#eee;--line:#3a3d44;--bad:#ff8a8a;--faint:#b4b4b4}}"
    "body{font:15px/1.45 sans-serif;margin:1.5rem auto;max-width:70rem;padding:0 1rem;color:var(--ink);"
    "background:var(--paper)}h1{font-size:1.6rem;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%;margin-top:1rem}caption{text-align:left;color:var(--faint)}"
    "th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--line)}"
    "th:first-child,td:first-child,td:nth-child(2),th:nth-child(2){text-align:left}"
    "svg{width:100%;height:auto}figure{margin:0;border:1px solid var(--line)}"
    ".fail{color:var(--bad);font-weight:bold}.note{color:var(--faint)}.narrow{display:none}"
    "@media (max-width:48rem){.wide{display:none}.narrow{display:block}"
    "table,caption,tbody,tr,td{display:block}thead{display:none}"
    "tr{padding:.6rem 0;border-bottom:1px solid var(--line)}"
    "td,td:nth-child(2){text-align:right;border:0;padding:.1rem 0;overflow:hidden}"
    "td::before{content:attr(data-head);float:left;padding-right:1rem;color:var(--faint)}"
    "td:first-child{font-weight:bold}td:first-child::before{content:none}}"
)
"""On a phone the table becomes a list: a check after the other, each figure beside its name."""


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
        f"<p><span{kind}>{escape(seen.verdict)}</span>; the rollout is {escape(seen.status)}. A release goes "
        f"back when the evidence against it reaches e = {1 / seen.alpha:,.0f}, which at most one sound release in "
        f"{1 / seen.alpha:,.0f} does, however often one looks.</p>"
    )
    yield f"<p>{escape(seen.promise)}.</p>"
    if seen.placebo_log_e is not None:
        yield f"<p>{escape(placebo(seen.placebo_log_e, seen.log_threshold))}</p>"
    yield f'<figure class="wide">{picture(seen, WIDE)}</figure>'
    yield f'<figure class="narrow">{picture(seen, NARROW)}</figure>'
    yield "<table><caption>Each check, new nodes against the nodes not yet exposed</caption>"
    yield "<thead><tr>"
    for head in HEADS:
        yield f'<th scope="col">{head}</th>'
    yield "</tr></thead><tbody>"
    for check in seen.checks:
        told = zip(HEADS, cells(check), strict=True)
        yield "<tr>" + "".join(f'<td data-head="{head}">{escape(cell)}</td>' for head, cell in told) + "</tr>"
    yield "</tbody></table>"
    for check in seen.checks:
        if check.quantiles:
            yield from _quantiles(check)
    for note in notes(seen):
        yield f"<p>{escape(note)}.</p>"
    yield (
        '<p class="note">e: evidence against the release, 1 for none. Alone at: where it would go back by this check '
        "alone. Ratio: of the rates, new to control, with bounds that hold but for one time in twenty. To the limit: "
        "the time compared, against the shortest in which any test could tell. Gauges are mean levels over blocks of "
        "time, and their bounds are those of the shift.</p></body></html>"
    )


def _quantiles(check: CheckSeen) -> Iterator[str]:
    yield f"<table><caption>Quantiles of {escape(check.name)}, true but for one time in twenty each</caption>"
    yield '<thead><tr><th scope="col">quantile</th><th scope="col">new</th><th scope="col">control</th></tr></thead>'
    yield "<tbody>"
    for held in check.quantiles:
        new, control = _band(held.new), _band(held.control)
        yield f'<tr><td>p{held.quantile * 100:g}</td><td data-head="new">{new}</td>'
        yield f'<td data-head="control">{control}</td></tr>'
    yield "</tbody></table>"


def _band(held: BandSeen) -> str:
    if held.lower is None and held.upper is None:
        return "not known yet"
    if held.upper is None:
        return f"over {held.lower:g}"
    between = f"up to {held.upper:g}" if held.lower is None else f"{held.lower:g} to {held.upper:g}"
    return between if held.estimate is None else f"{held.estimate:.3g} ({between})"


def placebo(log_e: float, log_threshold: float) -> str:
    """What the nodes say that were only restarted, in words."""
    if log_e >= log_threshold:
        return (
            f"Placebo: loud, log e {log_e:.2f} of {log_threshold:.2f}. Nodes that were only restarted are worse than "
            "their neighbours too, so that a fail asks a person."
        )
    return f"Placebo: quiet, log e {log_e:.2f} of {log_threshold:.2f}."


def cells(check: CheckSeen) -> tuple[str, ...]:
    """One check as the words and figures of a row."""
    has_ratio = check.ratio is not None and (check.new_events or check.control_events)
    return (
        check.name,
        role(check),
        e_text(check.log_e),
        f"{check.e_alone:,.0f}",
        _side(check, check.new_events, check.new_exposure, check.new_rate),
        _side(check, check.control_events, check.control_exposure, check.control_rate),
        f"{check.ratio:.2f}" if has_ratio else "-",
        interval(check),
        f"{check.compared_s:,.0f} s",
        "-" if check.to_limit is None else f"{check.to_limit:.1f} x",
    )


def _side(check: CheckSeen, events: float, exposure: float, rate: float | None) -> str:
    """What was counted of one arm; of a gauge its mean level."""
    if check.kind != Kind.GAUGE:
        return f"{events:,.0f} of {exposure:,.0f}"
    return "-" if rate is None else f"{rate:,.3g}"


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
    """Between which ratios the truth lies, or between which shifts of a gauge."""
    if check.kind == Kind.GAUGE:
        low, high = check.shift_low, check.shift_high
        return "-" if low is None and high is None else f"{_bound(low, 'any')} to {_bound(high, 'any')}"
    if check.ratio_low is None:
        return "-"
    return f"{check.ratio_low:.3g} to {_bound(check.ratio_high, 'any')}"


def _bound(value: float | None, without: str) -> str:
    return without if value is None else f"{value:,.3g}"
