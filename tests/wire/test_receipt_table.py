"""Receipts as a table: what every spreadsheet reads, and none computes."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.model.fleet import AccountId, PopId
from wavetrain.model.receipt import Code, Receipt, SiteCost
from wavetrain.wire.receipt_table import HEADS, harmless, written

AT = datetime(2027, 3, 1, 2, 0, tzinfo=UTC)


def receipt(*sites: SiteCost) -> Receipt:
    return Receipt(
        account=AccountId("acme"),
        maintenance="w1",
        rollout="r",
        pop=PopId("fra1"),
        release="2.0.0",
        began=AT,
        ended=AT,
        made_at=AT,
        promise_s=10.0,
        sites=sites,
    )


def site(name: str) -> SiteCost:
    return SiteCost(
        site=name, sessions=2, moved=1, lost_s=12.5, worst_s=12.0, codes={Code.CUT: 1, Code.MOVED: 1}
    )


def test_a_row_for_each_site_and_one_for_a_receipt_without() -> None:
    rows = list(csv.DictReader(io.StringIO(written([receipt(site("hq"), site("lab")), receipt()]))))
    assert [row["site"] for row in rows] == ["hq", "lab", ""]
    assert rows[0]["lost_s"] == "12.5"
    assert (rows[0]["kept"], rows[2]["kept"]) == ("no", "yes")
    assert rows[0]["reasons"] == "cut:1 moved:1"
    assert rows[0]["began"] == "2027-03-01T02:00:00Z"
    assert written([]) == ",".join(HEADS) + "\r\n"


@given(st.text(max_size=30))
def test_no_cell_is_a_formula_and_no_row_breaks(name: str) -> None:
    rows = list(csv.reader(io.StringIO(written([receipt(site(name))]), newline="")))
    assert len(rows) == 2
    cell = rows[1][HEADS.index("site")]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.isprintable() or not cell


def test_what_looks_like_a_formula_gets_a_quote() -> None:
    for cell in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert harmless(cell).startswith("'")
    assert harmless("acme-hq") == "acme-hq"
