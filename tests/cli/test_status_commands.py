"""The status as files: whole, linked with each other, and without what is gone."""

from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import pytest
from icalendar import Calendar
from tests.doors.status_house import RECORDS, StatusHouse
from tests.doors.statuspage_schema import DOCUMENTS

from wavetrain.cli.status_commands import _lines, _put, _written
from wavetrain.control.status_picture import StatusPicture
from wavetrain.doors.statuspage import Page
from wavetrain.errors import RefusedError


class Hrefs(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == "href" and value]


@pytest.fixture
def picture(tmp_path: Path) -> StatusPicture:
    sent = msgspec.json.encode(StatusHouse(tmp_path).board.picture)
    return msgspec.json.decode(sent, type=StatusPicture)


def test_files_lead_to_each_other_and_have_statuspages_shape(picture: StatusPicture, tmp_path: Path) -> None:
    folder = tmp_path / "status"
    count = _written(picture, Page("Status", "https://status.example.net"), folder)
    assert count == sum(1 for file in folder.rglob("*") if file.is_file())
    for page in folder.rglob("*.html"):
        for link in Hrefs(page.read_text()).found:
            if not link.startswith("#"):
                assert (page.parent / link).resolve().is_file(), f"{page}: {link}"
    for name, schema in DOCUMENTS.items():
        jsonschema.validate(msgspec.json.decode((folder / f"api/v2/{name}.json").read_bytes()), schema)
    assert len(list(Calendar.from_ical((folder / "status.ics").read_bytes()).walk("vevent"))) == 3


def test_pages_of_what_is_gone_go(picture: StatusPicture, tmp_path: Path) -> None:
    folder = tmp_path / "status"
    _written(picture, Page(), folder)
    assert (folder / "pops/ber1.html").is_file()
    (folder / "pops/own.txt").write_text("mine")
    left = {name: place for name, place in picture.places.items() if name != "ber1"}
    _written(msgspec.structs.replace(picture, places=left), Page(), folder)
    assert not (folder / "pops/ber1.html").exists()
    assert (folder / "pops/own.txt").is_file(), "what is not ours stays"


def test_no_name_leads_out_of_the_folder_and_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="outside of"):
        _put(tmp_path / "status", "pops/../../evil.html", b"")
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be written"):
        _put(tmp_path / "file", "index.html", b"")


def test_the_screen_has_incidents_work_and_windows(picture: StatusPicture) -> None:
    assert RECORDS
    lines = _lines(msgspec.to_builtins(picture))
    assert lines[0].startswith("edge 2.1.0 is taken back: identified, impact minor, since ")
    assert "por1: in progress: 2.1.0, forward" in lines
    assert "ber1: 2027-03-02T01:00 to 2027-03-02T05:00 UTC: 2.1.0" in lines
