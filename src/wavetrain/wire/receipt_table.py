"""Receipt table: what do receipts say as a table for a spreadsheet? CSV as RFC 4180 has it.

A spreadsheet takes a cell that begins with = + - @, a tab or a return for a formula: such a cell gets a quote before.
"""

import csv
import io
from collections.abc import Iterable
from typing import Final

from wavetrain.decide.plain_line import printable
from wavetrain.model.receipt import Receipt

HEADS: Final = (
    "account",
    "maintenance",
    "pop",
    "release",
    "began",
    "ended",
    "promise_s",
    "site",
    "sessions",
    "moved",
    "lost_s",
    "worst_s",
    "kept",
    "reasons",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def written(receipts: Iterable[Receipt]) -> str:
    """A row for each site of each receipt; of one that lost nothing a row without a site. Ends in CRLF."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADS)
    for receipt in receipts:
        writer.writerows(_rows(receipt))
    return text.getvalue()


def harmless(cell: str) -> str:
    """The same text, that no spreadsheet computes; without characters that are none."""
    text = printable(cell)
    return f"'{text}" if cell.startswith(_FORMULA) else text


def _rows(receipt: Receipt) -> Iterable[list[str]]:
    head = [
        *(harmless(cell) for cell in (receipt.account, receipt.maintenance, receipt.pop, receipt.release)),
        f"{receipt.began:%Y-%m-%dT%H:%M:%SZ}",
        f"{receipt.ended:%Y-%m-%dT%H:%M:%SZ}",
        f"{receipt.promise_s:g}",
    ]
    if not receipt.sites:
        yield [*head, "", "0", "0", "0", "0", "yes", ""]
    for site in receipt.sites:
        reasons = " ".join(f"{code.value}:{count}" for code, count in sorted(site.codes.items()))
        kept = "yes" if site.worst_s <= receipt.promise_s else "no"
        yield [
            *head,
            harmless(site.site),
            str(site.sessions),
            str(site.moved),
            f"{site.lost_s:g}",
            f"{site.worst_s:g}",
            kept,
            reasons,
        ]
