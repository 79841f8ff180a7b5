"""Receipts at the door: a node reports, an account reads its own, and nobody else learns anything."""

from pathlib import Path

import httpx
import pytest
from tests.control.practice import node_caller
from tests.control.test_receipts import House, came
from tests.doors.browsing import Browser

from wavetrain.control import reconnects, tokens
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.model.access import Role


class Desk:
    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        store = self.house.store
        for name, site in (("=cmd|' /C calc'!A0", 0), ("hq", 1)):
            reconnects.take(store, node_caller("lis1-n2"), "lis1-n2", [came(site, session=name, lost_s=0.2)])
        self.house.over()
        self.house.receipts.look()
        self.app = build(store, self.house.artifacts, self.house.trust, limits=Limits(lambda: 0.0))
        self.own = tokens.create(store, tokens.HOUSE, "ann", [Role.ACCOUNT], account="acme")[1]
        self.other = tokens.create(store, tokens.HOUSE, "bob", [Role.ACCOUNT], account="globex")[1]

    def ask(self, path: str, secret: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return Browser(self.app).ask(path, None, **headers)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("receipts"))


PATHS = ("receipts", "receipts.csv", "receipts/w1", "reconnects")


def test_an_account_reads_what_work_cost_it(desk: Desk) -> None:
    (first,) = desk.ask("/v1/accounts/acme/receipts", desk.own).json()
    assert (first["receipt"]["maintenance"], first["kept"]) == ("w1", True)
    assert "2 sessions were opened anew" in first["text"]
    assert desk.ask("/v1/accounts/acme/receipts/w1", desk.own).json() == first
    seen = desk.ask("/v1/accounts/acme/reconnects?days=1&limit=1", desk.own).json()
    assert (len(seen["reconnects"]), seen["dropped"]) == (1, 1)
    assert seen["reconnects"][0]["answer"].startswith("yes, work w1: ")


def test_the_table_is_a_file_that_no_spreadsheet_computes(desk: Desk) -> None:
    answer = desk.ask("/v1/accounts/acme/receipts.csv", desk.own)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert "'=cmd|' /C calc'!A0" in answer.text
    assert ",=cmd" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_another_account_learns_not_even_whether_there_is_one(desk: Desk, path: str) -> None:
    there, nowhere = (desk.ask(f"/v1/accounts/{name}/{path}", desk.other) for name in ("acme", "nobody"))
    assert there.status_code == nowhere.status_code == 403
    assert there.text.replace("acme", "NAME") == nowhere.text.replace("nobody", "NAME")
    assert desk.ask(f"/v1/accounts/acme/{path}", "").status_code == 401


@pytest.mark.parametrize(
    "path", ["receipts?limit=0", "receipts?limit=501", "receipts?sort=x", "reconnects?days=x"]
)
def test_what_is_no_question_is_refused(desk: Desk, path: str) -> None:
    assert desk.ask(f"/v1/accounts/acme/{path}", desk.own).status_code == 422
    assert desk.ask("/v1/accounts/acme/receipts/none", desk.own).status_code == 404
