"""Ask commands: why something waits, and what was decided."""

from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command


@command
def why(desk: Desk, subject: Annotated[str, typer.Argument(help="A PoP, node, rollout or release.")]) -> None:
    """Why it waits, as the planner wrote it."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("why", subject))
    desk.say(answer, "\n".join([answer["answer"], *_steps(answer)]))


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
