"""Account commands: what does one account see and wish, and what shall it wish from now on?"""

import re
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command
from wavetrain.errors import RefusedError

app = typer.Typer(help="What one account sees and wishes.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account's id.")]
SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?")
LINES_MAX = 20


@app.command()
@command
def show(desk: Desk, account: Account) -> None:
    """Work that touches the account, between which instants and why; its wishes, features and unready sites."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("accounts", account))
    desk.say(answer, "\n".join(_shown(answer)))


@app.command(name="set")
@command
def set_(
    desk: Desk,
    account: Account,
    early: Annotated[
        bool | None, typer.Option("--early/--not-early", help="Whether it has releases before others.")
    ] = None,
    lane: Annotated[str, typer.Option(help="With --early: in which lane.")] = "pop",
    blackout: Annotated[
        list[str] | None,
        typer.Option(
            help="A day, or FIRST..LAST, on which it is rather not disturbed; replaces those before."
        ),
    ] = None,
    no_blackouts: Annotated[
        bool, typer.Option("--no-blackouts", help="It may be disturbed on every day.")
    ] = False,
    as_agreed: Annotated[
        bool,
        typer.Option("--as-agreed", help="Forget first what was said before: the contract's wishes count."),
    ] = False,
) -> None:
    """Say what the account wishes; what no option names stays as it is."""
    from wavetrain.cli.client import at

    if blackout and no_blackouts:
        raise RefusedError("--blackout and --no-blackouts exclude each other; give one of them")
    path = at("accounts", account, "settings")
    known, version = desk.client.tagged(path)
    body: dict[str, Any] = {"early": {}, "blackouts": None}
    if not as_agreed:
        body = {"early": known["early"], "blackouts": known["blackouts"]}
    if early is not None:
        body["early"] = {**body["early"], lane: early}
    if blackout or no_blackouts:
        body["blackouts"] = [_span(text) for text in blackout or ()]
    answer = desk.client.put(path, body, version)
    desk.say(answer, "\n".join(_settings(answer)))


def _span(text: str) -> dict[str, str]:
    match = SPAN.fullmatch(text)
    if match is None:
        raise RefusedError(
            f"--blackout {text[:80]} is no day; give one like 2026-12-24 or 2026-12-24..2026-12-31"
        )
    return {"first": match[1], "last": match[2] or match[1]}


def _settings(said: dict[str, Any]) -> list[str]:
    counts = said["counts"]
    own = [lane for lane, wish in said["early"].items()]
    early = [
        f"{lane} {'yes' if wish else 'no'}{_whose(lane in own)}" for lane, wish in counts["early"].items()
    ]
    days = ", ".join(map(_days, counts["blackouts"])) or "none"
    return [
        f"early      {', '.join(early)}",
        f"black-out  {days}{_whose(said['blackouts'] is not None)}",
        *(f"holds      {text}" for text in said["holds"]),
    ]


def _whose(is_own: bool) -> str:
    return " (own word)" if is_own else " (contract)"


def _days(one: dict[str, str]) -> str:
    return one["first"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}"


def _shown(answer: dict[str, Any]) -> list[str]:
    work = answer["work"]
    lines = [f"{work['name']}: uses {', '.join(work['pops']) or 'no PoP'}; {answer['users']} users"]
    lines += [line for one in answer["ahead"][:LINES_MAX] for line in _ahead(one)]
    if not answer["ahead"]:
        lines.append("no work is planned that touches it")
    lines += _settings(answer["settings"])
    lines += [line for one in answer["wishes"]["unmet"][:LINES_MAX] for line in _unmet(one)]
    lines += [f"feature    {one['feature']}: {one['status']}" for one in answer["features"][:LINES_MAX]]
    lines += [
        f"unready    {one['site']}: {one['worst']['finding']}, {one['worst']['least_s']:.0f} to "
        f"{one['worst']['most_s']:.0f} s; {one['advice']}"
        for one in answer["readiness"]["listed"][:LINES_MAX]
    ]
    return lines


def _ahead(one: dict[str, Any]) -> list[str]:
    first, last = one["earliest"][:16], one["latest"]
    when = f"between {first} and {last[:16]} UTC" if last else f"not before {first} UTC, the end is open"
    lines = [
        f"work       {one['work']}: {one['pop']} ({', '.join(one['roles'])}) {when}",
        f"  why      {one['why']}",
    ]
    return [*lines, f"  open     {one['open']}"] if one["open"] else lines


def _unmet(one: dict[str, Any]) -> list[str]:
    instead = f"; {one['instead'][:16]} UTC would have granted it" if one["instead"] else ""
    return [f"unmet      {', '.join(one['pops'])}: {one['wish']}", f"  why      {one['rule']}{instead}"]
