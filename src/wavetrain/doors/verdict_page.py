"""Verdict page: what do the checks of a rollout say, on one sheet that needs no script?"""

from collections.abc import Iterator
from html import escape

from wavetrain.control.verdicts import CheckSeen, VerdictSeen
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
    if seen.placebo_log_e is not None:
        yield f"<p>{escape(placebo(seen.placebo_log_e, seen.log_threshold))}</p>"
    yield picture(seen)
    yield '<div class="wide"><table><caption>Each check, new nodes against the nodes not yet exposed</caption>'
    yield "<thead><tr>"
    for head in HEADS:
        yield f'<th scope="col">{head}</th>'
    yield "</tr></thead><tbody>"
    for check in seen.checks:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(check)) + "</tr>"
    yield "</tbody></table></div></body></html>"


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
    return (
        check.name,
        "gate" if check.gate else "watch",
        f"{check.e:.3g}",
        f"{check.e_alone:,.0f}",
        f"{check.new_events:,.0f} of {check.new_exposure:,.0f}",
        f"{check.control_events:,.0f} of {check.control_exposure:,.0f}",
        "-" if check.ratio is None else f"{check.ratio:.2f}",
        interval(check),
        f"{check.compared_s:,.0f} s",
        "-" if check.to_limit is None else f"{check.to_limit:.1f} x",
    )


def interval(check: CheckSeen) -> str:
    """Between which ratios the truth lies."""
    if check.ratio_low is None:
        return "-"
    high = "any" if check.ratio_high is None else f"{check.ratio_high:.2f}"
    return f"{check.ratio_low:.2f} to {high}"
