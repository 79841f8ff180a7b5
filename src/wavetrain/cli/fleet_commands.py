"""Fleet commands: check, apply, compare, adopt, show and sample the fleet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command, text_of
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.model.fleet import Fleet
    from wavetrain.model.policy import Policy

app = typer.Typer(help="The PoPs and nodes that releases travel through.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="A fleet file: TOML, or JSON lines for a large fleet.")]
NODES_LISTED_MAX = 200
"""A larger fleet is shown in numbers."""
NAMES_SHOWN_MAX = 20
LINES_MAX = 200
"""Of a difference between two files."""


@app.command()
@command
def check(
    desk: Desk,
    file: File,
    policy: Annotated[
        Path | None,
        typer.Option(help="A policy file: its rings must fit, and its headroom and times are gone by."),
    ] = None,
) -> None:
    """Read a fleet file and list every fault; then warn of PoPs that no train could work on as the file has them.

    With a control plane, also what applying it would change.
    """
    from wavetrain.cli import fleet_source
    from wavetrain.decide import soundness

    fleet = fleet_source.read(file, quiet=desk.as_json)
    found = soundness.doubts(fleet, _rules(policy, fleet))
    nodes = sum(len(pop.nodes) for pop in fleet.pops.values())
    sums = {"pops": len(fleet.pops), "nodes": nodes, "sites": len(fleet.sites)}
    sites = f", {len(fleet.sites)} sites" if fleet.sites else ""
    said = f"{file} is good: {len(fleet.regions)} regions, {len(fleet.pops)} PoPs, {nodes} nodes{sites}"
    said += "".join(f"\nwarning: {one.about}: {one.text}" for one in found[:NAMES_SHOWN_MAX])
    if len(found) > NAMES_SHOWN_MAX:
        said += f"\nand {len(found) - NAMES_SHOWN_MAX} more warnings; see them all with --json"
    warnings = [{"about": one.about, "text": one.text} for one in found]
    if not desk.is_configured:
        desk.say({"good": True, **sums, "warnings": warnings}, said)
        return
    answer = _sent(desk, file, "/check")
    desk.say(
        {"good": True, **answer, "warnings": warnings},
        f"{said}\napplying it: {_difference(answer)}{_whom(answer)}",
    )


@app.command()
@command
def apply(desk: Desk, file: File) -> None:
    """Make the fleet what the file says, also while rollouts are under way."""
    answer = _sent(desk, file, "")
    joined = "".join(f"\n{_joined(item)}" for item in answer["joined"][:NAMES_SHOWN_MAX])
    desk.say(answer, f"fleet applied: {_difference(answer)}{joined}")


@app.command()
@command
def diff(
    desk: Desk,
    old: Annotated[Path, typer.Argument(help="The fleet file as it was.")],
    new: Annotated[Path, typer.Argument(help="The fleet file as it shall be.")],
) -> None:
    """What the second file changes of the first, field by field, and whom that touches; needs no control plane."""
    from wavetrain.cli import fleet_source
    from wavetrain.decide import alteration

    before, after = (fleet_source.read(file, quiet=desk.as_json) for file in (old, new))
    altered = alteration.compare(before, after)
    said = alteration.consequences(altered, before, after)
    fields = [item for pair in altered.changed for item in alteration.fields(*pair)]
    added, removed = (list(map(alteration.subject, items)) for items in (altered.added, altered.removed))
    if desk.as_json:
        import msgspec

        desk.json(
            {
                "added": added,
                "removed": removed,
                "changed": [msgspec.to_builtins(item) for item in fields],
                "consequences": list(said),
            }
        )
        return
    lines = [f"+ {name}" for name in added] + [f"- {name}" for name in removed]
    lines += [f"~ {item.subject}: {item.field}: {item.before} -> {item.after}" for item in fields]
    more = len(lines) - LINES_MAX
    for line in lines[:LINES_MAX]:
        typer.echo(line)
    if more > 0:
        typer.echo(f"and {more} more; see them all with --json")
    if not lines:
        typer.echo("nothing changes")
    for line in said:
        typer.echo(f"=> {line}")


@app.command()
@command
def adopt(desk: Desk) -> None:
    """Take what nodes run now as the baseline; nothing moves."""
    answer = desk.client.post("/v1/fleet/adopt", {})
    desk.say(answer, answer["text"])


@app.command()
@command
def show(
    desk: Desk,
    pop: Annotated[str, typer.Option("--pop", help="This PoP, with its nodes.")] = "",
    region: Annotated[str, typer.Option("--region", help="The PoPs of this region.")] = "",
) -> None:
    """The fleet, with what its nodes say; a large one in numbers."""
    from wavetrain.cli import fleet_picture

    named = {"pop": pop, "region": region}
    params = {key: value for key, value in named.items() if value}
    if not params:
        summary = desk.client.get("/v1/fleet/summary")
        if summary["fleet"]["nodes"] > NODES_LISTED_MAX:
            desk.say(summary, fleet_picture.summed(summary))
            return
    answer = desk.client.get("/v1/fleet", **params)
    heads, rows = fleet_picture.pops(answer) if region and not pop else fleet_picture.nodes(answer)
    if pop and not desk.as_json:
        typer.echo(fleet_picture.head(answer, pop))
    desk.table(answer, heads, rows, "the fleet is empty; apply one: wavetrain fleet apply FILE")


@app.command()
@command
def sample(
    desk: Desk,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The file to write: .toml, or .jsonl for JSON lines.")
    ],
    pops: Annotated[int, typer.Option("--pops", help="How many PoPs.")] = 90,
    nodes: Annotated[int, typer.Option("--nodes", help="How many nodes each of them has.")] = 50,
    sites: Annotated[int, typer.Option("--sites", help="How many sites.")] = 5_000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same file.")] = 1,
    skew: Annotated[
        bool, typer.Option("--skew", help="Let the number of nodes differ around --nodes.")
    ] = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Also write a policy file that suits it.")
    ] = None,
) -> None:
    """Write a fleet as there might be one: real cities and zones, and loads, sites and preferences skewed as they are.

    Nothing in it is anybody's network. A file without an ending is TOML, or JSON lines where that would be too large.
    """
    from wavetrain.cli import fleet_source
    from wavetrain.control.summary import counted
    from wavetrain.simulate.sample import Size
    from wavetrain.simulate.sample import sample as made

    size = Size(pops=pops, nodes=nodes, sites=sites, seed=seed, skewed=skew)
    with fleet_source.progress(quiet=desk.as_json) as say:
        fleet = made(size, say)
        written = fleet_source.write(fleet, out, say)
    if policy is not None:
        from wavetrain.simulate.sample_policy import policy_text

        fleet_source.replace(policy, [policy_text(fleet).encode()])
    sums = counted(fleet)
    text = (
        f"{out}: {len(sums.regions)} regions, {sums.pops} PoPs, {sums.nodes} nodes, {sum(sums.sites.values())} sites "
        f"({sums.single_homed} single-homed, {sums.pairs} pairs), {sums.accounts} accounts, "
        f"{sum(sums.groups.values())} groups"
    )
    answer = {"file": str(out), "bytes": written, "pops": sums.pops, "nodes": sums.nodes, "pairs": sums.pairs}
    answer |= {"sites": sum(sums.sites.values()), "single_homed": sums.single_homed}
    desk.say(answer, text + (f"\n{policy}: its policy" if policy is not None else ""))


def _rules(policy: Path | None, fleet: "Fleet") -> "Policy | None":
    from wavetrain.wire.policy_file import read_policy

    if policy is None:
        return None
    read = read_policy(text_of(policy), fleet, str(policy))
    if read.lane != "pop":
        raise RefusedError(f"{policy} is a policy of lane {read.lane}; trains of PoPs go by one of lane pop")
    return read


def _sent(desk: Desk, file: Path, what: str) -> Any:
    """The answer to a fleet file at the door; JSON lines are read here first, so that faults are told here."""
    from wavetrain.cli import fleet_source

    if not fleet_source.is_lines(file):
        return desk.client.post(f"/v1/fleet{what}", {"text": text_of(file)})
    if not what:
        fleet_source.read(file, quiet=desk.as_json)
    with fleet_source.progress(quiet=desk.as_json) as say:
        return desk.client.send(f"/v1/fleet/lines{what}", fleet_source.pieces(file, say))


def _joined(item: dict[str, Any]) -> str:
    with_them = f", together with {', '.join(item['rollouts'])}" if item["rollouts"] else ""
    return f"{item['pop']}: {item['nodes']} joining, told {item['release']}{with_them}"


def _whom(answer: dict[str, Any]) -> str:
    return "".join(f"\n=> {line}" for line in answer["consequences"][:NAMES_SHOWN_MAX])


def _difference(answer: dict[str, Any]) -> str:
    parts = [f"{word} {_listed(answer, word)}" for word in ("added", "changed", "removed") if answer[word]]
    sites = f", {answer['sites']} sites" if answer["sites"] else ""
    return f"{answer['pops']} PoPs, {answer['nodes']} nodes{sites}; {'; '.join(parts) or 'nothing changes'}"


def _listed(answer: dict[str, Any], word: str) -> str:
    """All by name, or where they are too many, by kind."""
    counts = answer["counts"][word]
    if sum(counts.values()) <= NAMES_SHOWN_MAX:
        return ", ".join(answer[word])
    return ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts.items())
