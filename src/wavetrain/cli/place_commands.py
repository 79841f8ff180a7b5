"""Place commands: cordon PoPs; let nodes in, retire and rebuild them."""

from pathlib import Path
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


@nodes.command()
@command
def join(
    desk: Desk,
    node: Node,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the secret is good.")] = 60,
    out: Annotated[Path | None, typer.Option(help="Write the secret here, for its owner alone.")] = None,
) -> None:
    """Let a node in: make the secret that its agent gets its first certificate with. It counts once.

    Put it where the node's `join_file` says; a running agent takes it up without a restart.
    """
    from wavetrain.cli.client import at
    from wavetrain.cli.secret_file import reserved

    with reserved(out) as write:
        answer: dict[str, Any] = desk.client.post(at("nodes", node, "join"), {"minutes": minutes})
        write(answer["secret"])
    if out is None:
        typer.echo("the secret is shown this once; only its digest is kept", err=True)
        desk.say(answer, answer["secret"])
        return
    del answer["secret"]
    answer["file"] = str(out)
    desk.say(answer, f"{out} lets {node} join once, until {str(answer['expires_at'])[:16]}")


@nodes.command()
@command
def revoke(desk: Desk, node: Node, reason: Reason) -> None:
    """Believe none of its certificates any more; it keeps what it runs, and may join again."""
    from wavetrain.cli.client import at

    answer: dict[str, Any] = desk.client.post(at("nodes", node, "revoke"), {"reason": reason})
    desk.say(
        answer, f"the certificates of {node} are revoked; to let it in again: wavetrain node join {node}"
    )
