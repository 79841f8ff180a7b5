"""Policy commands: check, apply and show the rules of a lane."""

from pathlib import Path
from typing import Annotated

import typer

from wavetrain.cli.desk import Desk, command, text_of

app = typer.Typer(help="The rules that new rollouts of a lane are pinned to.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="A policy file (TOML).")]


@app.command()
@command
def check(
    desk: Desk,
    file: File,
    fleet: Annotated[Path | None, typer.Option(help="A fleet file that its rings must fit.")] = None,
) -> None:
    """Read a policy file and list every fault, against a fleet file or the control plane's fleet."""
    from wavetrain.cli import fleet_source
    from wavetrain.wire.policy_file import read_policy

    text = text_of(file)
    known = None
    if fleet is not None:
        known = fleet_source.read(fleet, quiet=desk.as_json)
    policy = read_policy(text, known, str(file))
    rings = ", ".join(ring.name for ring in policy.rings)
    said = f"{file} is good: lane {policy.lane}, rings {rings}"
    if known is not None or not desk.is_configured:
        desk.say({"good": True, "lane": policy.lane, "rings": [ring.name for ring in policy.rings]}, said)
        return
    answer = desk.client.post("/v1/policy/check", {"text": text})
    word = "new rules" if answer["is_new"] else "nothing changes"
    desk.say({"good": True, **answer}, f"{said}\napplying it: {word}, policy {answer['digest'][:12]}")


@app.command()
@command
def apply(desk: Desk, file: File) -> None:
    """Pin new rollouts of the policy's lane to it; rollouts under way keep theirs."""
    answer = desk.client.post("/v1/policy", {"text": text_of(file)})
    word = "applied" if answer["is_new"] else "was applied before"
    desk.say(answer, f"policy {answer['digest'][:12]} of lane {answer['lane']} {word}")


@app.command()
@command
def show(desk: Desk) -> None:
    """The policy of each lane."""
    answer = desk.client.get("/v1/policy")
    rows = [
        [lane, ring["name"], ring["stage"], _who(ring), f"{ring['soak_minutes']} min"]
        for lane, policy in answer.items()
        for ring in policy["rings"]
    ]
    heads = ("lane", "ring", "stage", "who", "soak")
    desk.table(answer, heads, rows, "no lane has a policy; apply one: wavetrain policy apply FILE")


def _who(ring: dict[str, object]) -> str:
    pops = ring["pops"]
    if isinstance(pops, list) and pops:
        return ", ".join(map(str, pops))
    return "the rest" if ring["rest"] else f"{ring['share_percent']} %"
