"""Ask commands: why something waits, when it is disturbed next, and what was decided."""

from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command

WHY_OF = "A PoP, node, site, account, rollout or release."


@command
def why(desk: Desk, subject: Annotated[str, typer.Argument(help=WHY_OF)]) -> None:
    """Why it waits, as the planner wrote it."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("why", subject))
    desk.say(answer, "\n".join([answer["answer"], *_steps(answer)]))


@command
def when(desk: Desk, subject: Annotated[str, typer.Argument(help="A PoP, node, site or account.")]) -> None:
    """When it is disturbed next: between which times, and what that waits for."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("when", subject))
    lines = [answer["answer"]]
    if answer["kind"] in ("site", "account"):
        lines += [f"  {_place(place)}" for place in answer["places"]]
    if answer["left_off"]:
        lines.append(f"  and {answer['left_off']} PoPs more")
    desk.say(answer, "\n".join(lines))


@command
def journal(
    desk: Desk,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many entries.")] = 50,
    after: Annotated[int | None, typer.Option(min=0, help="Begin after this entry's number.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only of this PoP, node, rollout, release, ...")] = None,
    rollout: Annotated[str | None, typer.Option(help="Only of this rollout.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    who: Annotated[str | None, typer.Option(help="Only by this person, node or `tick`.")] = None,
) -> None:
    """What was decided and done, oldest first: the last entries, or those after a number."""
    filters = {"subject": subject, "rollout": rollout, "kind": kind, "who": who, "after": after}
    given = {name: value for name, value in filters.items() if value is not None}
    answer = desk.client.get("/v1/journal", limit=limit, **given)
    rows = [
        [str(item["seq"]), item["at"][:19].replace("T", " "), item["who"], item["subject"], item["text"]]
        for item in answer["entries"]
    ]
    desk.table(answer, ("seq", "at", "who", "subject", "what"), rows, "the journal has no such entry")


def _steps(answer: dict[str, Any]) -> list[str]:
    lines = []
    for step in answer["steps"]:
        hold = step["hold"]
        reason = f"; {hold['reason']}" if hold else ""
        lines.append(f"  {step['level']:8} {step['subject']}: {step['state']}{reason}")
    return lines


def _place(place: dict[str, Any]) -> str:
    sites = f", {place['sites']} site{'s' if place['sites'] != 1 else ''}"
    if place["earliest"] is None:
        return f"{place['role']:9} {place['pop']}{sites}: nothing is planned"
    latest = f"to {_minute(place['latest'])} UTC" if place["latest"] else "on; the end is open"
    return f"{place['role']:9} {place['pop']}{sites}: {place['rollout']}, from {_minute(place['earliest'])} {latest}"


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")
