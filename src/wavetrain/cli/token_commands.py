"""Token commands: create, list and revoke credentials."""

from enum import StrEnum
from typing import Annotated

import typer

from wavetrain.cli.desk import Desk, command

app = typer.Typer(help="Who may speak to the control plane, in which role.", no_args_is_help=True)


class RoleName(StrEnum):
    """What the bearer may do."""

    VIEWER = "viewer"
    CI = "ci"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    ACCOUNT = "account"
    CALENDAR = "calendar"


@app.command()
@command
def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(help="Who carries it: a person or a pipeline.")],
    role: Annotated[list[RoleName], typer.Option(help="Repeat it for more than one.")],
    days: Annotated[int | None, typer.Option(min=1, help="Its lifetime; 90 by default.")] = None,
    account: Annotated[
        str, typer.Option(help="The account that it is for, with the role account or calendar.")
    ] = "",
) -> None:
    """Make a token; its secret is shown this once."""
    body = {"name": name, "roles": [item.value for item in role], "days": days}
    body |= {"account": account} if account else {}
    answer = desk.client.post("/v1/tokens", body)
    typer.echo("the secret is shown this once; only its digest is kept", err=True)
    desk.say(answer, answer["secret"])


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every token, without its secret."""
    answer = desk.client.get("/v1/tokens")
    rows = [
        [
            item["id"],
            item["name"],
            ", ".join(item["roles"]),
            item["created_by"],
            item["created_at"][:16],
            "revoked" if item["revoked"] else (item["expires_at"] or "no end")[:16],
        ]
        for item in answer
    ]
    desk.table(answer, ("token", "name", "roles", "made by", "made", "until"), rows, "there are no tokens")


@app.command()
@command
def revoke(
    desk: Desk, token: Annotated[str, typer.Argument(help="The token's id.", metavar="TOKEN-ID")]
) -> None:
    """Never accept it again."""
    from wavetrain.cli.client import at

    answer = desk.client.delete(at("tokens", token))
    desk.say(answer, f"token {token} of {answer['name']} is revoked")
