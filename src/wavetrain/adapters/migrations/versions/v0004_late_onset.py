"""Late onset: beside each process of a running test, what a harm that began at a later bin has said.

A store of the release before keeps a process as 37 doubles and adds the PoPs up anew at each look. Now a process has 61
doubles, and what all PoPs say as one is kept by itself, as what a hardware class says is. A test that runs is
converted, not started over: all that its PoPs have said stays, and so does a verdict that it has given; a later onset
is sought from the next bin on, and classes begin there. What a process says is worked out again when the test is next
taken up (its e-value is marked with NaN).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from math import inf, nan
from struct import iter_unpack, pack
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

POINTS = 24
BEFORE = 37
BINS, LOG_E = POINTS + 5, POINTS + 10
TOTALS_BEFORE = 32
SUMS, STARTED, WIDEST, LOG_MASS = slice(POINTS, POINTS + 5), POINTS + 5, POINTS + 6, POINTS + 7
NO_ONSET = (-inf,) * POINTS


def upgrade() -> None:
    """Every running test, and every PoP's part of it, in the form of this schema."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    if inspector.has_table("rollout_evidence") and inspector.has_table("pop_evidence"):
        rows = connection.execute(sa.text("SELECT rollout, body FROM rollout_evidence")).all()
        for rollout, body in rows:
            _convert(connection, rollout, msgspec.json.decode(body))
    op.execute(sa.text("UPDATE meta SET schema = 4 WHERE id = 1"))


def _convert(connection: sa.Connection, rollout: str, whole: Mapping[str, Any]) -> None:
    totals = _rows(whole.get("totals", ""), TOTALS_BEFORE)
    pooled = [list(row[:POINTS]) for row in totals]
    looks = [0.0] * len(totals)
    text = sa.text("SELECT pop, live, body FROM pop_evidence WHERE rollout = :rollout ORDER BY pop")
    for pop, live, body in connection.execute(text, {"rollout": rollout}).all():
        said = msgspec.json.decode(body)
        states = _rows(said.get("states", ""), BEFORE)
        for place, row in enumerate(states[: len(totals)]):
            looks[place] = max(looks[place], row[BINS])
            if live:
                pooled[place] = [one + more for one, more in zip(pooled[place], row[:POINTS], strict=True)]
        said["states"] = _packed([(*row[:LOG_E], nan, *row[LOG_E + 1 :], *NO_ONSET) for row in states])
        update = sa.text("UPDATE pop_evidence SET body = :body WHERE rollout = :rollout AND pop = :pop")
        known = {"body": msgspec.json.encode(said).decode(), "rollout": rollout, "pop": pop}
        connection.execute(update, known)
    together = [
        (*likelihood, look, row[WIDEST], 0.0, *NO_ONSET)
        for likelihood, look, row in zip(pooled, looks, totals, strict=True)
    ]
    kept = dict(whole)
    kept["totals"] = _packed([(*row[SUMS], row[STARTED], row[LOG_MASS]) for row in totals])
    kept |= {"classes": [], "together": _packed(together)}
    connection.execute(
        sa.text("UPDATE rollout_evidence SET body = :body WHERE rollout = :rollout"),
        {"body": msgspec.json.encode(kept).decode(), "rollout": rollout},
    )


def _rows(kept: str, width: int) -> list[tuple[float, ...]]:
    return list(iter_unpack(f"<{width}d", b64decode(kept)))


def _packed(rows: Sequence[Sequence[float]]) -> str:
    return b64encode(b"".join(pack(f"<{len(row)}d", *row) for row in rows)).decode()
