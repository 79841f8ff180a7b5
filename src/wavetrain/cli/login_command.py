"""Login command: at which address is a browser logged in as the bearer of this token?"""

from typing import Annotated

import typer

from wavetrain.cli.desk import Desk, command


@command
def login(
    desk: Desk,
    page: Annotated[str, typer.Option("--page", help="The page to begin with, e.g. /console/journal.")] = "",
) -> None:
    """Make an address for your browser that logs you in, once, within a minute."""
    made = desk.client.post("/v1/logins", {"next": page})
    address = f"{desk.client.url}{made['path']}"
    typer.echo(f"open it within {made['seconds']:.0f} s; it works once", err=True)
    desk.say({"address": address, "seconds": made["seconds"]}, address)
