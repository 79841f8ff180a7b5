"""Check commands: which checks there are, and what one sees of the live fleet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import OTHERWISE, Desk, Json, command, exit_codes, text_of

if TYPE_CHECKING:
    from wavetrain.decide.check_view import CheckView
    from wavetrain.model.policy import MetricRule

app = typer.Typer(help="What the verdict looks at.", no_args_is_help=True)
Config = Annotated[Path, typer.Option("--config", help="The control plane's configuration.")]
Seconds = Annotated[float, typer.Option(min=1.0, max=3600.0, help="For how long it looks.")]
CONFIG = Path("wavetrain.toml")


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """The catalogue: checks that suit the nodes of an edge PoP; a policy takes one over with `use`."""
    with exit_codes():
        import msgspec

        from wavetrain.model.check_catalogue import CATALOGUE

        desk = Desk(as_json, None, None)
        rows = [
            [
                rule.name,
                rule.kind.value,
                _names(rule),
                rule.direction.value,
                _margin(rule),
                f"{rule.weight:g}",
            ]
            for rule in CATALOGUE
        ]
        heads = ("check", "kind", "looks at", "worse", "harmless up to", "weight")
        desk.table(msgspec.to_builtins(CATALOGUE), heads, rows, "the catalogue is empty")


@app.command(name="test")
@command
def try_(
    desk: Desk,
    name: Annotated[
        str | None, typer.Argument(help="A check of the catalogue or the policy; all without.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy whose checks are tried, as TOML.")] = None,
    seconds: Seconds = 10.0,
    config: Config = CONFIG,
) -> None:
    """Look at the live fleet with a check, and say what it sees: nodes, counts, rates by release, what is missing.

    Reads the source that `wavetrain.toml` names, beside the control plane. Ends with 4 where a check can judge nothing.
    """
    import msgspec

    from wavetrain.cli.live_source import bins_of, opened
    from wavetrain.decide.check_view import seen_by
    from wavetrain.model.policy import Policy, Ring, Verdicts
    from wavetrain.model.release import Stage

    rules = _chosen(name, policy)
    asked = Policy(
        lane="pop",
        rings=(Ring(name="all", stage=Stage.GENERAL, rest=True),),
        verdicts=Verdicts(metrics=rules),
    )
    bins, fault = [], ""
    with opened(desk, config, asked) as (source, nodes):
        for some, wrong in bins_of(source, seconds):
            bins += some
            fault = wrong
    views = [seen_by(rule, bins, [item["node"] for item in nodes]) for rule in rules]
    if desk.as_json:
        desk.json({"source": fault or "answers", "checks": msgspec.to_builtins(views)})
    else:
        _print(desk, views, fault)
    if fault or any(not view.releases for view in views):
        raise typer.Exit(OTHERWISE)


def _chosen(name: str | None, policy: Path | None) -> "tuple[MetricRule, ...]":
    from wavetrain.errors import RefusedError, UnknownError
    from wavetrain.model.check_catalogue import CATALOGUE
    from wavetrain.wire.policy_file import read_policy

    rules = CATALOGUE if policy is None else read_policy(text_of(policy), name=str(policy)).verdicts.metrics
    found = tuple(rule for rule in rules if name in (None, rule.name))
    where = "the catalogue" if policy is None else str(policy)
    if not rules:
        raise RefusedError(f"{where} names no checks; add [[verdicts.metric]]")
    if not found:
        known = ", ".join(rule.name for rule in rules)
        raise UnknownError(f"{where} has no check {name}; it has {known}")
    return found


def _print(desk: Desk, views: "list[CheckView]", fault: str) -> None:
    rows: list[list[str]] = []
    for view in views:
        for seen in view.releases:
            rate = "-" if seen.rate is None else f"{seen.rate:.4g}"
            rows.append(
                [
                    view.name,
                    view.kind,
                    seen.release,
                    f"{seen.nodes} of {view.nodes_asked}",
                    f"{seen.value:,.4g}",
                    f"{seen.exposure:,.4g}",
                    rate,
                ]
            )
        if not view.releases:
            rows.append([view.name, view.kind, "-", f"0 of {view.nodes_asked}", "-", "-", "-"])
    desk.table(
        [], ("check", "kind", "release", "nodes", "value", "exposure", "rate, p99 or level"), rows, "nothing"
    )
    if fault:
        typer.echo(f"the source: {fault}")
    for view in views:
        for said in view.faults:
            typer.echo(f"{view.name}: {said}")


def _names(rule: "MetricRule") -> str:
    return " / ".join(filter(None, (rule.events, rule.exposure, rule.histogram, rule.gauge)))


def _margin(rule: "MetricRule") -> str:
    relative = f"{rule.margin_ratio:.0%} or " if rule.margin_ratio else ""
    return f"{relative}{rule.excess_max:,.10g}"
