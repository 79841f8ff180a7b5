"""Store commands: migrate, check, copy, back up and restore the store of a control plane."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from wavetrain.cli.desk import Desk, command
from wavetrain.errors import RefusedError

app = typer.Typer(help="The store of a control plane, from its own machine.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", help="The control plane's file, which names its store.")]
Store = Annotated[
    str, typer.Option("--store", help="A file, or postgresql://USER@HOST/DATABASE; in place of --config.")
]
CONFIG = Path("wavetrain.toml")


@app.command()
@command
def migrate(
    desk: Desk,
    config: Config = CONFIG,
    store: Store = "",
    expand: Annotated[
        bool,
        typer.Option("--expand", help="Only add, beside a control plane that runs; as a take-over does."),
    ] = False,
    contract: Annotated[
        bool,
        typer.Option(
            "--contract", help="Take away what only older releases need; none of them may come back."
        ),
    ] = False,
) -> None:
    """Bring a store of an older release to this one's schema; without an option, stop the control plane first."""
    from wavetrain.adapters import store_migrate

    if expand and contract:
        raise RefusedError("--expand and --contract are two steps, days apart; give one of them")
    place = _place(config, store)
    if contract:
        done = store_migrate.contract(place)
        desk.say(
            msgspec.to_builtins(done), f"contracted to {done.schema:04d}: no older release opens it any more"
        )
        return
    done = store_migrate.expand(place) if expand else store_migrate.migrate(place)
    moved = f"{'expanded' if expand else 'migrated'} from {done.before} to {done.after}"
    desk.say(
        msgspec.to_builtins(done),
        moved if done.before != done.after else f"nothing to do: the store is at {done.after}",
    )


@app.command()
@command
def check(desk: Desk, config: Config = CONFIG, store: Store = "") -> None:
    """Read everything in a store; ends with 1 when something is wrong. A running control plane is not disturbed."""
    from wavetrain.adapters.store_check import check

    done = check(_place(config, store))
    counts = f"{sum(done.records.values())} records, {done.changes} changes, {done.journal} journal entries"
    desk.say(msgspec.to_builtins(done), "\n".join([counts, *done.faults]))
    if done.faults:
        raise typer.Exit(1)


@app.command()
@command
def copy(
    desk: Desk,
    to: Annotated[str, typer.Argument(help="A new file, or the url of an empty database.")],
    config: Config = CONFIG,
    store: Store = "",
) -> None:
    """Copy a store, e.g. from SQLite to PostgreSQL; stop the control plane first, and start it on the copy."""
    from wavetrain.adapters.store_dump import dump, load

    with dump(_place(config, store)) as parts:
        counts = load(parts, to)
    rows = sum(counts.values())
    desk.say({"rows": rows, "tables": counts}, f"{rows} rows copied; name the copy as `store` in {config}")


@app.command()
@command
def backup(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="A new file.")],
    config: Config = CONFIG,
    store: Store = "",
) -> None:
    """Write all of a store into a file. A running control plane is not disturbed."""
    from wavetrain.adapters.store_backup import backup

    done = backup(_place(config, store), file)
    desk.say(
        msgspec.to_builtins(done), f"{file}: {done.rows} rows as of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    )


@app.command()
@command
def restore(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="What `store backup` wrote.")],
    config: Config = CONFIG,
    store: Store = "",
    by: Annotated[str, typer.Option(help="Who restores it; the journal keeps it.")] = "admin",
) -> None:
    """Fill an empty store with a backup. Nothing moves from it until a person has confirmed the difference."""
    from wavetrain.adapters.sql_store import SqlStore
    from wavetrain.adapters.store_backup import restore
    from wavetrain.control.restored import begin

    place = _place(config, store)
    done = restore(file, place)
    opened = SqlStore(place, exclusive=True, holder="wavetrain store restore")
    first = begin(opened, done.taken_at, by)
    opened.close()
    text = (
        f"restored {done.rows} rows as of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC; era {first.era} begins.\n"
        "Start the control plane; when the nodes have spoken: wavetrain standstill show"
    )
    desk.say({"taken_at": done.taken_at.isoformat(), "rows": done.rows, "era": first.era}, text)


def _place(config: Path, store: str) -> Path | str:
    if store:
        return store
    from wavetrain.wiring.config import read, store_place

    if not config.exists():
        raise RefusedError(f"{config} does not exist; name the store with --store, or its file with --config")
    return store_place(*read(config))
