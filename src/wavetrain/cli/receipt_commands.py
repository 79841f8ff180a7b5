"""Receipt commands: what did work cost an account, and was that drop a maintenance?"""

from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command

app = typer.Typer(help="What work has cost an account, as its own sessions saw it.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account.")]


@app.command(name="list")
@command
def list_(
    desk: Desk,
    account: Account,
    as_csv: Annotated[bool, typer.Option("--csv", help="A row for each site, for a spreadsheet.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the latest first.")] = 50,
) -> None:
    """An account's receipts, the latest first."""
    from wavetrain.cli.client import at

    if as_csv:
        typer.echo(desk.client.text(f"{at('accounts', account, 'receipts.csv')}?limit={limit}"), nl=False)
        return
    answer = desk.client.get(at("accounts", account, "receipts"), limit=limit)
    rows = [
        [
            item["receipt"]["maintenance"],
            item["receipt"]["pop"],
            item["receipt"]["release"],
            item["receipt"]["ended"][:16],
            f"{item['worst_s']:.1f} s",
            "kept" if item["kept"] else "not kept",
        ]
        for item in answer
    ]
    heads = ("maintenance", "pop", "release", "over", "worst", "promise")
    desk.table(answer, heads, rows, f"account {account} has no receipt yet")


@app.command()
@command
def show(
    desk: Desk,
    account: Account,
    maintenance: Annotated[str, typer.Argument(help="The work, by its id.")],
) -> None:
    """One receipt: each site with what it lost, and why."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("accounts", account, "receipts", maintenance))
    desk.say(answer, "\n".join(_lines(answer)))


@app.command()
@command
def drops(
    desk: Desk,
    account: Account,
    days: Annotated[int, typer.Option(min=1, max=31, help="How far back.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the latest first.")] = 50,
) -> None:
    """Was that drop your maintenance? Each reconnect of the last days, with the answer."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("accounts", account, "reconnects"), days=days, limit=limit)
    rows = [
        [
            item["at"][:19],
            item["session"],
            item["pop"],
            f"{item['lost_s']:.1f} s",
            item["code"],
            item["answer"],
        ]
        for item in answer["reconnects"]
    ]
    heads = ("at", "session", "pop", "lost", "reason", "was it our maintenance?")
    desk.table(answer, heads, rows, f"no session of {account} has reported a reconnect")


def _lines(answer: dict[str, Any]) -> list[str]:
    receipt = answer["receipt"]
    lines = [
        f"{receipt['maintenance']}: {receipt['release']} at {receipt['pop']}, "
        f"{receipt['began'][:16]} to {receipt['ended'][:16]} UTC",
        answer["text"],
    ]
    for site in receipt["sites"]:
        codes = ", ".join(f"{count} {code}" for code, count in sorted(site["codes"].items()))
        lines.append(
            f"  {site['site']}: {site['sessions']} sessions, {site['moved']} without a loss, "
            f"{site['lost_s']:g} s lost, {site['worst_s']:.1f} s at once ({codes})"
        )
    if receipt["amended"]:
        lines.append(f"corrected {receipt['amended']} times, as reports came late")
    return lines
