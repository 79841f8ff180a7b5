"""Lab command: real PoPs on this machine, kept up for as long as somebody wants to look at them."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import exit_codes
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.source_choice import Measured

if TYPE_CHECKING:
    from wavetrain.lab.open_lab import OpenLab

app = typer.Typer(
    help="Real PoPs on this machine: balancers, agents and sites, with a control plane of their own.",
    invoke_without_command=True,
)
SITES, USERS, STUBBORN = 60, 12, 4
SESSIONS_MAX = 5_000

Folder = Annotated[Path, typer.Option("--folder", help="The folder that the lab was started with.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Deed(StrEnum):
    """What is done to a node."""

    KILL = "kill"
    HANG = "hang"
    RESUME = "resume"
    BREAK = "break"
    MEND = "mend"


class Kind(StrEnum):
    """What is wrong with a release on purpose."""

    GOOD = "good"
    DEGRADED = "degraded"
    NEVER_HEALTHY = "never-healthy"
    CRASHING = "crashing"


@app.callback()
def lab(
    context: typer.Context,
    fleet: Annotated[
        Path | None, typer.Option(help="A fleet file; without: three PoPs of four nodes.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file; without: the lab's own.")] = None,
    sites: Annotated[int, typer.Option(min=0, max=SESSIONS_MAX, help="Sites with a live session.")] = SITES,
    users: Annotated[int, typer.Option(min=0, max=SESSIONS_MAX, help="Remote users, likewise.")] = USERS,
    stubborn: Annotated[
        int, typer.Option(min=0, max=SESSIONS_MAX, help="More sites, which ignore the move-away signal.")
    ] = STUBBORN,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep everything here instead of a temporary folder.")
    ] = None,
    balancer: Annotated[
        Choice, typer.Option(help="What stands before the nodes; auto: HAProxy where it is installed.")
    ] = Choice.AUTO,
    source: Annotated[
        Measured, typer.Option(help="Who measures the nodes; auto: Prometheus where it is installed.")
    ] = Measured.AUTO,
    jump: Annotated[bool, typer.Option(help="Let train time jump when everything waits for it.")] = True,
    as_json: Json = False,
) -> None:
    """Start a lab, and keep it up until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    with exit_codes():
        from wavetrain.cli.desk import text_of
        from wavetrain.cli.lab_house import Setting
        from wavetrain.cli.lab_stay import own_policy, stay
        from wavetrain.lab.layout import FLEET, ROAM_EVERY_S

        fleet_text = text_of(fleet or FLEET)
        setting = Setting(
            fleet=fleet_text,
            policy=text_of(policy) if policy is not None else own_policy(fleet_text, str(fleet or FLEET)),
            sites=sites,
            users=users,
            stubborn=stubborn,
            roam_every_s=ROAM_EVERY_S,
            jump=jump,
            balancer=balancer,
            source=source,
        )
        stay(setting, folder, as_json)


@app.command()
def fault(
    deed: Annotated[Deed, typer.Argument(help="What to do to its gateway.")],
    node: Annotated[str, typer.Argument(help="The node's id.")],
    folder: Folder,
    never_healthy: Annotated[bool, typer.Option(help="break: it never says that it is healthy.")] = False,
    failed_ratio: Annotated[
        float | None, typer.Option(min=0, max=1, help="break: the share of operations that fail.")
    ] = None,
    slow_ratio: Annotated[
        float | None, typer.Option(min=0, max=1, help="break: the share of operations that take 0.2 s.")
    ] = None,
    crash_after_s: Annotated[
        float | None, typer.Option(min=0, help="break: it ends so long after a start.")
    ] = None,
    start_delay_s: Annotated[float | None, typer.Option(min=0, help="break: it starts so slowly.")] = None,
    as_json: Json = False,
) -> None:
    """Break a node of a running lab on purpose, or mend it.

    kill and hang strike its gateway once, until it is restarted or resumed; break holds, whatever release it
    runs, until mend. break without options: it is never healthy.
    """
    with exit_codes():
        import json

        from wavetrain.lab.faults import Faults

        faults = Faults(_running(folder).nodes)
        switches = {
            "never_healthy": never_healthy or None,
            "operations_failed_ratio": failed_ratio,
            "operations_slow_ratio": slow_ratio,
            "crash_after_s": crash_after_s,
            "start_delay_s": start_delay_s,
        }
        given = {name: value for name, value in switches.items() if value is not None}
        pid = None
        match deed:
            case Deed.KILL:
                pid = faults.kill(node)
            case Deed.HANG:
                pid = faults.hang(node)
            case Deed.RESUME:
                faults.resume(node)
            case Deed.BREAK:
                given = given or {"never_healthy": True}
                faults.break_node(node, **given)
            case Deed.MEND:
                faults.mend(node)
        what = {"node": node, "done": deed.value, "pid": pid, "switches": given if deed is Deed.BREAK else {}}
        said = f" ({', '.join(given)})" if deed is Deed.BREAK else f" (process {pid})" if pid else ""
        typer.echo(json.dumps(what, indent=2) if as_json else f"{node}: {deed.value}{said}")


@app.command()
def release(
    number: Annotated[str, typer.Argument(help="Its version, e.g. 2.0.0.")],
    folder: Folder,
    kind: Annotated[Kind, typer.Option(help="What is wrong with it on purpose.")] = Kind.GOOD,
    fixes: Annotated[str, typer.Option(help="The version that it repairs.")] = "",
    as_json: Json = False,
) -> None:
    """Build a release of the lab's gateway, and submit it to the lab's control plane."""
    with exit_codes():
        import json

        from wavetrain.cli.client import Client
        from wavetrain.cli.lab_house import submit
        from wavetrain.lab import releases

        faults = {
            Kind.GOOD: releases.GOOD,
            Kind.DEGRADED: releases.DEGRADED,
            Kind.NEVER_HEALTHY: releases.NEVER_HEALTHY,
            Kind.CRASHING: releases.CRASHING,
        }[kind]
        opened = _running(folder)
        artifact = releases.build(Path(opened.folder) / "lab" / "artifacts", number, faults)
        with Client(opened.url, Path(opened.token_file).read_text().strip(), Path(opened.ca_file)) as client:
            answer = submit(client, artifact, fixes, f"built by the lab: {kind.value}")
        typer.echo(json.dumps(answer, indent=2) if as_json else answer["text"])


def _running(folder: Path) -> "OpenLab":
    """The lab of a folder, if it runs. Raises `UnreachableError`."""
    from wavetrain.cli.lab_stay import is_running
    from wavetrain.errors import UnreachableError
    from wavetrain.lab import open_lab

    opened = open_lab.read(folder)
    if not is_running(folder):
        raise UnreachableError(
            f"the lab of {folder} does not run any more; start it: wavetrain lab --folder {folder}"
        )
    return opened
