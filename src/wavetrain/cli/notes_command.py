"""Notes command: what customers read of a week, on the screen, as a page, as a feed, or as a folder of files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import Desk, command
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.control.notes import Shelf
    from wavetrain.doors.notes_written import House


@command
def notes(
    desk: Desk,
    week: Annotated[
        str,
        typer.Argument(
            help="One of its days, or its ISO number, e.g. 2026-W04; the present one when left out."
        ),
    ] = "",
    html: Annotated[bool, typer.Option("--html", help="As a page.")] = False,
    atom: Annotated[bool, typer.Option("--atom", help="The feed of all weeks.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As Markdown, which is what is printed anyhow.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write it into this file.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write all weeks into this folder: pages, Markdown and the feed.")
    ] = None,
    title: Annotated[str, typer.Option(help="Whose notes they are.")] = "Release notes",
    address: Annotated[
        str, typer.Option(help="Where customers reach the public pages; ids are made of it.")
    ] = "",
) -> None:
    """The weekly notes: what begins, what goes on, and what comes in the two weeks after."""
    import msgspec

    from wavetrain.cli.client import at
    from wavetrain.control.notes import Shelf
    from wavetrain.decide.news import Notes
    from wavetrain.doors import notes_written
    from wavetrain.doors.notes_written import House

    if html + atom + markdown + (export is not None) > 1:
        raise RefusedError(
            "more than one form is asked for; give one of --html, --atom, --markdown and --export"
        )
    house = House(title=title, address=address.rstrip("/"))
    if not week and not (html or atom or export is not None):
        answer = desk.client.get("/v1/notes")["issues"][0]
        text = notes_written.week_markdown(msgspec.convert(answer, Notes), house)
    elif markdown or not (html or atom or export is not None):
        answer = desk.client.get(at("notes", week))
        text = notes_written.week_markdown(msgspec.convert(answer, Notes), house)
    else:
        answer = desk.client.get("/v1/notes")
        shelf = msgspec.convert(answer, Shelf)
        if export is not None:
            desk.say(answer, _export(shelf, house, export))
            return
        issue = shelf.issue(week)
        text = notes_written.feed(shelf, house, house.at_door)
        if html:
            text = notes_written.week_html(issue, shelf, house, house.at_door)
    if output is not None:
        _write(output, text)
        desk.say(answer, f"{output} is written")
    else:
        desk.say(answer, text.rstrip("\n"))


def _export(shelf: "Shelf", house: "House", folder: Path) -> str:
    from wavetrain.doors import notes_written

    links = house.in_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"{folder} cannot be made: {error.strerror}; name a folder that can") from None
    _write(folder / "index.html", notes_written.index_html(shelf, house, links))
    _write(folder / "notes.atom", notes_written.feed(shelf, house, links))
    for issue in shelf.issues:
        _write(folder / f"{issue.week}.html", notes_written.week_html(issue, shelf, house, links))
        _write(folder / f"{issue.week}.md", notes_written.week_markdown(issue, house))
    return f"{folder} has the notes of {len(shelf.issues)} weeks; begin with {folder / 'index.html'}"


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name a file that can") from None
