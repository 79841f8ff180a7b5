"""Status commands: what does anybody see of PoPs, lanes and windows, here or as files for elsewhere?"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.control.status_picture import StatusPicture
    from wavetrain.doors.statuspage import Page

app = typer.Typer(
    help="What anybody sees: what is worked on, what comes, what went wrong.", no_args_is_help=True
)
WORKS_SHOWN = 20


@app.command()
@command
def show(desk: Desk) -> None:
    """Incidents, what is worked on now, and the windows that come."""
    answer = desk.client.get("/v1/maintenance")
    desk.say(answer, "\n".join(_lines(answer)))


@app.command()
@command
def export(
    desk: Desk,
    folder: Annotated[Path, typer.Argument(help="Where the files go; made where it is missing.")],
    title: Annotated[str, typer.Option(help="Whose status it is.")] = "Status",
    address: Annotated[
        str, typer.Option(help="Where customers will reach it; documents and calendars name it.")
    ] = "",
) -> None:
    """Write every page, document, feed and calendar as files, so that they survive the control plane."""
    import msgspec

    from wavetrain.control.status_picture import StatusPicture
    from wavetrain.doors.statuspage import Page

    answer = desk.client.get("/v1/maintenance")
    picture = msgspec.convert(answer, StatusPicture)
    count = _written(picture, Page(title, address.rstrip("/")), folder)
    told = {"folder": str(folder), "files": count, "sequence": picture.sequence}
    desk.say(told, f"{folder} has {count} files; begin with {folder / 'index.html'}")


def _written(picture: "StatusPicture", page: "Page", folder: Path) -> int:
    from wavetrain.doors import status, statuspage
    from wavetrain.doors.status_written import Writer, in_folder

    top, below = Writer(picture, page, in_folder(0)), Writer(picture, page, in_folder(1))
    files: dict[str, bytes] = {
        f"api/v2/{name}.json": _json(made) for name, made in statuspage.documents(picture, page).items()
    }
    for name, number in below.regions:
        files[f"regions/{name}{f'-{number}' if number > 1 else ''}.html"] = below.region(
            name, number
        ).encode()
    for pop in picture.places:
        files[f"pops/{pop}.html"] = below.pop(pop).encode()
        files[f"pops/{pop}.ics"] = status.calendar(picture, page, pop)
    files |= {f"history.{kind}": top.feed(kind).encode() for kind in ("atom", "rss")}
    files |= {"history.html": top.history().encode(), "status.ics": status.calendar(picture, page)}
    files["index.html"] = top.index().encode()  # last: what it leads to is there
    for name, body in files.items():
        _put(folder, name, body)
    _clear(folder, files.keys())
    return len(files)


def _json(document: dict[str, Any]) -> bytes:
    """A document as it is sent."""
    import msgspec

    return msgspec.json.encode(document)


def _put(folder: Path, name: str, body: bytes) -> None:
    """Whole or not at all: written beside, then put in its place."""
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise RefusedError(f"{name[:120]} would lie outside of {folder}; give the PoP or region another id")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_bytes(body)
        beside.replace(file)
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name a folder that can") from None


def _clear(folder: Path, kept: Any) -> None:
    """Pages of PoPs and regions that are gone."""
    for below in ("pops", "regions"):
        for file in (folder / below).glob("*"):
            if f"{below}/{file.name}" not in kept and file.suffix in (".html", ".ics"):
                file.unlink(missing_ok=True)


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [
        f"{one['title']}: {one['state']}, impact {one['impact']}, since {one['since'][:16]} UTC"
        for one in answer["incidents"]
        if one["state"] != "resolved"
    ]
    works = sorted(
        (one for place in answer["places"].values() for one in place["works"]),
        key=lambda one: (one["starts"], one["id"]),
    )
    now = [one for one in works if one["state"] != "scheduled"]
    coming = [one for one in works if one["state"] == "scheduled"]
    lines += [f"{one['pop']}: {one['state']}: {one['release']}, {one['course']}" for one in now]
    lines += [
        f"{one['pop']}: {one['starts'][:16]} to {one['ends'][:16]} UTC: {one['release']}"
        for one in coming[:WORKS_SHOWN]
    ]
    if len(coming) > WORKS_SHOWN:
        lines.append(f"and {len(coming) - WORKS_SHOWN} more windows")
    return lines or ["nothing is wrong, nothing is worked on, and no window comes"]
