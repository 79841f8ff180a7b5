"""Readiness command: which sites would the coming windows hurt, and what would help them?"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command
from wavetrain.errors import RefusedError, UnknownError


@command
def readiness(
    desk: Desk,
    account: Annotated[str, typer.Option(help="Only the sites of this account.")] = "",
    pop: Annotated[str, typer.Option(help="Only sites whose primary PoP this is.")] = "",
    rollout: Annotated[
        str, typer.Option(help="Only sites whose primary PoP this rollout still has to do.")
    ] = "",
    fleet: Annotated[
        Path | None, typer.Option(help="Look at a fleet file, without a control plane or timetables.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many sites are listed.")] = 20,
    skip: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many are left out before them.")] = 0,
) -> None:
    """Which sites an update would hurt, for how many seconds, and what would help; the worst first."""
    if fleet is not None:
        if rollout:
            raise RefusedError(
                "--fleet and --rollout do not go together; a file has no rollouts: leave one out"
            )
        answer = _of_file(fleet, account, pop, skip, limit)
    else:
        asked = {"account": account, "pop": pop, "rollout": rollout}
        given = {name: value for name, value in asked.items() if value}
        answer = desk.client.get("/v1/readiness", skip=skip, limit=limit, **given)
    desk.say(answer, "\n".join(_lines(answer["survey"], skip)))


def _of_file(file: Path, account: str, pop: str, skip: int, limit: int) -> dict[str, Any]:
    """The same answer from a fleet file alone."""
    import msgspec

    from wavetrain.cli import fleet_source
    from wavetrain.decide.readiness import Inspection

    now = datetime.fromtimestamp(time.time(), UTC)
    fleet = fleet_source.read(file, quiet=True)
    for name, known, kind in ((account, fleet.accounts, "account"), (pop, fleet.pops, "PoP")):
        if name and name not in known:
            raise UnknownError(f"{file} has no {kind} {name}; give one that it names")
    sites = [
        site for site in fleet.sites.values() if account in ("", site.account) and pop in ("", site.primary)
    ]
    survey = Inspection(fleet).survey(sites, skip, limit)
    made: dict[str, Any] = msgspec.to_builtins({"now": now, "rollouts": (), "survey": survey})
    return made


def _lines(survey: dict[str, Any], skip: int) -> list[str]:
    if not survey["sites"]:
        return ["no sites are known here; name them in the fleet file: [[site]]"]
    lines = [f"{survey['hurt']} of {survey['sites']} sites would be hurt"]
    if survey["hurt"]:
        lines[0] += f"; together {_seconds(survey)} of site time"
    for count in survey["counts"]:
        also = f" ({count['sites']} in all)" if count["sites"] != count["worst"] else ""
        seconds = f": {_seconds(count)}" if count["worst"] else ""
        lines.append(f"  {count['worst']:>7}{also} {count['finding']}{seconds}; {count['advice']}")
    for seen in survey["listed"]:
        way = f"{seen['primary']} + {seen['secondary']}" if seen["secondary"] else f"{seen['primary']} alone"
        lines.append(
            f"{seen['site']} of {seen['account']}, {seen['kind']}, {way}: {seen['worst']['finding']}"
        )
        lines += [f"  also: {case['finding']}, {_seconds(case)}" for case in seen["others"]]
        lines.append(f"  {_seconds(seen['worst'])}; {seen['advice']}")
    if survey["left_off"]:
        lines.append(f"and {survey['left_off']} more; see them with --skip {skip + len(survey['listed'])}")
    return lines


def _seconds(item: dict[str, Any]) -> str:
    least, most = item["least_s"], item["most_s"]
    return f"{least:.0f} s" if least == most else f"{least:.0f} to {most:.0f} s"
