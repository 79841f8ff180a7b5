"""Fleet commands: check, apply, adopt and show the fleet."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command, text_of

app = typer.Typer(help="The PoPs and nodes that releases travel through.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="A fleet file (TOML).")]


@app.command()
@command
def check(desk: Desk, file: File) -> None:
    """Read a fleet file and list every fault; with a control plane, also what applying it would change."""
    from wavetrain.wire.fleet_file import read_fleet

    text = text_of(file)
    fleet = read_fleet(text, datetime.fromtimestamp(time.time(), UTC), str(file))
    nodes = sum(len(pop.nodes) for pop in fleet.pops.values())
    said = f"{file} is good: {len(fleet.regions)} regions, {len(fleet.pops)} PoPs, {nodes} nodes"
    if not desk.is_configured:
        desk.say({"good": True, "pops": len(fleet.pops), "nodes": nodes}, said)
        return
    answer = desk.client.post("/v1/fleet/check", {"text": text})
    desk.say({"good": True, **answer}, f"{said}\napplying it: {_difference(answer)}")


@app.command()
@command
def apply(desk: Desk, file: File) -> None:
    """Make the fleet what the file says."""
    answer = desk.client.post("/v1/fleet", {"text": text_of(file)})
    desk.say(answer, f"fleet applied: {_difference(answer)}")


@app.command()
@command
def adopt(desk: Desk) -> None:
    """Take what nodes run now as the baseline; nothing moves."""
    answer = desk.client.post("/v1/fleet/adopt", {})
    desk.say(answer, answer["text"])


@app.command()
@command
def show(desk: Desk) -> None:
    """The fleet, with what its nodes say."""
    answer = desk.client.get("/v1/fleet")
    rows = [
        [
            pop["id"],
            pop["region"],
            pop["zone"],
            f"{pop['window']['rule']} {pop['window']['starts']} {pop['window']['minutes']} min",
            node,
            *_said(answer, pop["id"], node),
        ]
        for pop in answer["fleet"]["pops"].values()
        for node in pop["nodes"]
    ]
    heads = ("PoP", "region", "zone", "window", "node", "release", "phase", "remarks")
    desk.table(answer, heads, rows, "the fleet is empty; apply one: wavetrain fleet apply FILE")


def _said(answer: dict[str, Any], pop: str, node: str) -> tuple[str, str, str]:
    said = answer["reported"].get(node)
    remarks = [
        *("cordoned" for item in answer["cordons"] if item["subject"] in (pop, node)),
        *("retired" for item in answer["retired"] if item["node"] == node),
        *("quarantined" for item in answer["quarantined"] if item["node"] == node),
    ]
    if said is None:
        return "-", "silent", ", ".join(remarks)
    return said["release"] or "-", said["phase"], ", ".join(remarks)


def _difference(answer: dict[str, Any]) -> str:
    parts = [f"{word} {', '.join(answer[word])}" for word in ("added", "changed", "removed") if answer[word]]
    return f"{answer['pops']} PoPs, {answer['nodes']} nodes; {'; '.join(parts) or 'nothing changes'}"
