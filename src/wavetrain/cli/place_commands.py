"""Place commands: cordon PoPs; retire and rebuild nodes."""

from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, Reason, command

pops = typer.Typer(help="Locations made of nodes.", no_args_is_help=True)
nodes = typer.Typer(help="Single nodes.", no_args_is_help=True)
Pop = Annotated[str, typer.Argument(help="The PoP's id.")]
Node = Annotated[str, typer.Argument(help="The node's id.")]


@pops.command()
@command
def cordon(desk: Desk, pop: Pop, reason: Reason) -> None:
    """Give it no new work; a revert still passes."""
    from wavetrain.cli.client import at

    answer = desk.client.post(at("pops", pop, "cordon"), {"reason": reason})
    desk.say(answer, f"{pop} is cordoned by {answer['by']}: {answer['reason']}")


@pops.command()
@command
def uncordon(desk: Desk, pop: Pop) -> None:
    """Give it work again."""
    from wavetrain.cli.client import at

    desk.client.delete(at("pops", pop, "cordon"))
    desk.say({"uncordoned": pop}, f"{pop} is not cordoned")


@nodes.command()
@command
def retire(desk: Desk, node: Node, reason: Reason) -> None:
    """Take a node out for good, or until it is rebuilt; its slot is free again."""
    _tend(desk, node, "retire", reason, "retired")


@nodes.command()
@command
def rebuild(desk: Desk, node: Node, reason: Reason) -> None:
    """Say that a node was set up anew; rollouts offer it their release again where its PoP is not done yet."""
    _tend(desk, node, "rebuild", reason, "rebuilt")


def _tend(desk: Desk, node: str, verb: str, reason: str, done: str) -> None:
    from wavetrain.cli.client import at

    answer: dict[str, Any] = desk.client.post(at("nodes", node, verb), {"reason": reason})
    freed = f"; freed {', '.join(answer['slots'])}" if answer["slots"] else ""
    late = ", ".join(answer["too_late"])
    waits = f"; its PoP is done with {late}, so it gets a release with the next train" if late else ""
    desk.say(answer, f"{node} is {done}{freed}{waits}")
