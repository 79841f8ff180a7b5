"""Run commands: be the control plane, or a node's agent."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from wavetrain.cli.desk import CONFIG, OTHERWISE, end_when_told, exit_codes
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.source_choice import Measured


def up(
    config: Annotated[Path, typer.Option("--config", help="The control plane's configuration.")] = Path(
        CONFIG
    ),
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Ask the control plane that runs for its doors and its store; no request fails.",
        ),
    ] = False,
    prove_within: Annotated[
        float,
        typer.Option(
            min=1.0, max=120.0, help="Seconds until it has proven itself, or gives everything back."
        ),
    ] = 20.0,
) -> None:
    """Run the control plane until told to stop, or until another one takes over."""
    with exit_codes():
        gc.disable()  # what is imported stays: to look for garbage in it, now or later, is work for nothing
        from wavetrain.wiring.serve import serve

        gc.freeze()
        gc.enable()
        serve(config, take_over=take_over, prove_s=prove_within)


def agent(
    config: Annotated[Path, typer.Option("--config", help="The agent's configuration.")] = Path("agent.toml"),
) -> None:
    """Run the agent of this node until told to stop."""
    with exit_codes():
        from wavetrain.agent.main import run

        run(config)


def demo(
    exit_after: Annotated[bool, typer.Option("--exit", help="End after the receipt.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file.")
    ] = None,
    balancer: Annotated[
        Choice, typer.Option(help="What stands before the nodes; auto: HAProxy where it is installed.")
    ] = Choice.AUTO,
    source: Annotated[
        Measured, typer.Option(help="Who measures the nodes; auto: Prometheus where it is installed.")
    ] = Measured.AUTO,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep everything here instead of a temporary folder.")
    ] = None,
) -> None:
    """Let releases travel through real PoPs here, and features over accounts; the bad one comes back by itself.

    The verdict on it is written as a page and a picture: into the folder, or beside the figures, or to a new folder.
    """
    with exit_codes():
        from rich.console import Console

        from wavetrain.cli.demo import demo_setting, run

        end_when_told()
        if not run(exit_after, json_file, folder, Console(), demo_setting(balancer, source)):
            raise typer.Exit(OTHERWISE)
