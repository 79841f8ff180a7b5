"""Verdict command: what the checks of a rollout say, each with its evidence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import Desk, command

if TYPE_CHECKING:
    from wavetrain.control.verdicts import VerdictSeen


@command
def verdict(
    desk: Desk,
    rollout: Annotated[str, typer.Argument(help="The rollout's id, as `rollout list` shows it.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the evidence over time into this file.")] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Write a sheet with the picture and the table into this file, as HTML."),
    ] = None,
) -> None:
    """What its checks say: evidence, threshold, control, effect, exposure, and how near to the limit it was found."""
    import msgspec

    from wavetrain.cli.client import at
    from wavetrain.control.verdicts import VerdictSeen
    from wavetrain.doors import evidence_picture, verdict_page

    answer = desk.client.get(at("rollouts", rollout, "verdict"))
    seen = msgspec.convert(answer, VerdictSeen)
    if svg is not None:
        svg.write_text(evidence_picture.picture(seen))
    if page is not None:
        page.write_text(verdict_page.page(seen))
    rows = [verdict_page.cells(check) for check in seen.checks]
    desk.table(
        answer, verdict_page.HEADS, rows, "the policy of this rollout names no checks: nothing is compared"
    )
    if not desk.as_json:
        desk.console.print(_told(seen))
        for note in verdict_page.notes(seen):
            desk.console.print(note)


def _told(seen: "VerdictSeen") -> str:
    from wavetrain.doors.evidence_picture import e_text

    pre = "none yet" if seen.pre_period_s is None else f"{seen.pre_period_s:,.0f} s"
    text = (
        f"{seen.verdict}: e = {e_text(seen.log_e)} of {1 / seen.alpha:,.0f}, at which {seen.number} goes "
        f"back; pre-period {pre}\n{seen.promise}"
    )
    if seen.placebo_log_e is None:
        return text
    said = "loud: a restart alone makes nodes worse, and a fail asks a person" if seen.is_loud else "quiet"
    return f"{text}\nplacebo: e = {e_text(seen.placebo_log_e)} of {1 / seen.alpha:,.0f}; {said}"
