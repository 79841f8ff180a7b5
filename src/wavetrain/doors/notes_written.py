"""Notes, written: what are the weekly notes as HTML, as an Atom feed, and as Markdown?"""

import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wavetrain.control.notes import Shelf
from wavetrain.decide.news import AMISS, Item, Notes

FEED_WEEKS_MAX = 26
"""So many weeks stand in the feed."""
_ADDRESS = ":/?#[]@!$&'()*+,;=%~"
"""What stays as it is in an address: all that has a meaning there."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|~&!]|^[#+=:-]|^\d{1,9}(?=[.)])|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What Markdown may take for more than a letter where it stands; addresses too, which some would make links of."""


class Links(msgspec.Struct, frozen=True):
    """Where pages are, from each other."""

    index: str
    feed: str
    start: str
    """What a week's address begins with."""
    end: str = ""

    def week(self, name: str) -> str:
        """Of the page of a week."""
        return f"{self.start}{name}{self.end}"

    def markdown(self, name: str) -> str:
        """Of a week as Markdown."""
        return f"{self.start}{name}.md"


class House(msgspec.Struct, frozen=True):
    """Whose notes they are."""

    title: str = "Release notes"
    address: str = ""
    """Where the doors are to customers, e.g. `https://updates.example.net`; empty: links without a host."""

    @property
    def at_door(self) -> Links:
        """Links between the pages of the door."""
        return Links(f"{self.address}/notes", f"{self.address}/notes.atom", f"{self.address}/notes/")

    @property
    def in_folder(self) -> Links:
        """Links between files that lie beside each other."""
        return Links("index.html", "notes.atom", "", ".html")


def index_html(shelf: Shelf, house: House, links: Links) -> str:
    """The list of weeks."""
    return _said("index.html", house, links, issues=shelf.issues)


def week_html(notes: Notes, shelf: Shelf, house: House, links: Links) -> str:
    """A week's page, with the ways to the weeks beside it."""
    weeks = [one.week for one in shelf.issues]
    place = weeks.index(notes.week) if notes.week in weeks else 0
    newer, older = weeks[place - 1] if place else "", weeks[place + 1] if place + 1 < len(weeks) else ""
    return _said("week.html", house, links, notes=notes, newer=newer, older=older)


def week_markdown(notes: Notes, house: House) -> str:
    """A week as Markdown; whatever somebody wrote shows as it was written."""
    text = _said("week.md", house, house.at_door, notes=notes)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def feed(shelf: Shelf, house: House, links: Links) -> str:
    """The Atom feed (RFC 4287) of the weeks in which something stands; ids stay when text changes."""
    issues = [notes for notes in shelf.issues if not notes.is_empty][:FEED_WEEKS_MAX]
    updated = max((notes.updated for notes in issues), default=shelf.issues[-1].starts)
    return _said(
        "feed.atom", house, links, issues=issues, updated=updated, entry_id=functools.partial(_id, house)
    )


def _said(template: str, house: House, links: Links, **values: object) -> str:
    environment = _environment(template.rpartition(".")[2] != "md")
    more = {"title": house.title, "links": links, "amiss": AMISS, "style": style()}
    return environment.get_template(template).render(**more, **values)


@functools.cache
def style() -> Markup:
    """The pages' style sheet; our own, so that it needs no escape."""
    source, _, _ = PackageLoader("wavetrain.doors").get_source(Environment(autoescape=True), "style.css")
    return Markup(source)  # noqa: S704 (our own file)


@functools.cache
def _environment(is_markup: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("wavetrain.doors"),
        autoescape=is_markup,  # noqa: S701 (Markdown is escaped by its own filter)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "address": _address,
        "dates": _dates,
        "day": _day,
        "entry_html": _entry_html,
        "instant": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "last_day": lambda moment: _day(moment - timedelta(seconds=1)),
        "md": _markdown,
        "minute": lambda moment: f"{moment:%Y-%m-%d %H:%M}",
        "paragraphs": _paragraphs,
        "summary": summary,
    }
    return made


def summary(notes: Notes) -> str:
    """How much stands in a week's notes, in one line."""
    counted = [
        f"{section.part.value.lower()}: {len(section.items) + section.left_off}" for section in notes.sections
    ]
    return "; ".join(counted) or "nothing changes"


def _entry_html(notes: Notes) -> str:
    """What stands in a week, as text that the feed escapes once more."""
    module = _environment(True).get_template("items.html").make_module({"amiss": AMISS})
    return str(module.entries(notes))  # type: ignore[attr-defined]


def _id(house: House, week: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{house.address}/notes/{week}')}"


def _dates(item: Item) -> str:
    if item.begins is None:
        return ""
    return f"from {_day(item.begins)}" + (f" to {_day(item.ends)}" if item.ends is not None else "")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _paragraphs(text: str) -> Sequence[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _address(link: str) -> str:
    return quote(link, safe=_ADDRESS)


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(_escaped, " ".join(str(text).split()))


def _escaped(found: re.Match[str]) -> str:
    """A backslash before it; of a number that would begin a list, before what follows."""
    return f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}"
