"""Evidence by PoP: the running test of a rollout in a record for each PoP, beside what they say together.

A store of the release before keeps a running test as one record, with every metric's counters by PoP. They are
converted, not started over: a train that runs goes on with all that its PoPs have said, with the same e-values. What
the new records hold beside that (the e-value of each process) is marked as not worked out; the control plane does so
when it takes the test up. The test of a rollout whose policy is gone keeps its verdict alone.
"""

from collections.abc import Mapping
from math import inf, nan
from struct import pack
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

POINTS = 24
SUMS = ("new_events", "control_events", "control_capped", "new_exposure", "control_exposure")
FIGURES = ("phi", "tau", "cap_per_bin", "rate")


def upgrade() -> None:
    """The two tables, and the records of every test in the form of this schema."""
    _create("pop_evidence", sa.Column("live", _big(), nullable=False))
    _create("pop_calibration")
    connection = op.get_bind()
    if sa.inspect(connection).has_table("rollout_evidence"):
        rows = connection.execute(sa.text("SELECT rollout, version, body FROM rollout_evidence")).all()
        for rollout, version, body in rows:
            _convert(connection, rollout, version, msgspec.json.decode(body))
    op.execute(sa.text("UPDATE meta SET schema = 3 WHERE id = 1"))


def _create(name: str, *more: sa.Column[Any]) -> None:
    connection = op.get_bind()
    if sa.inspect(connection).has_table(name):
        return
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        name,
        sa.Column("rollout", text, primary_key=True),
        sa.Column("pop", text, primary_key=True),
        *more,
        sa.Column("version", _big(), nullable=False),
        sa.Column("body", text, nullable=False),
    )
    for column in ("pop", *(column.name for column in more)):
        op.create_index(f"{name}_by_{column}", name, [column])


def _big() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _convert(connection: sa.Connection, rollout: str, version: int, old: Mapping[str, Any]) -> None:
    names = _metrics(connection, rollout)
    counters = {
        name: dict(evidence.get("strata", ()))
        for name, evidence in old.get("evidence", {}).get("metrics", ())
    }
    places = {name: {pop: place for place, pop in enumerate(held, 1)} for name, held in counters.items()}
    pops = old.get("pops", {}) if names else {}
    compared = old.get("compared_s", {})
    for pop, known in pops.items():
        rows = [
            _row(counters.get(name, {}).get(pop), places.get(name, {}).get(pop, 0), known["metrics"][name])
            for name in names
        ]
        said = {"live": 1, "states": _packed(rows)}
        said |= {"share": old.get("share", {}).get(pop), "compared_s": compared.get(pop, 0.0)}
        _insert(connection, "pop_evidence", rollout, pop, version, said, live=1)
        _insert(connection, "pop_calibration", rollout, pop, version, _calibration(known, names))
    watched = [pops[pop]["seconds"] for pop in compared if pop in pops]
    body = {
        "version": version,
        "rollout": rollout,
        "metrics": names,
        "changes": 1,
        "totals": _packed([_totals(counters.get(name, {}).values()) for name in names]),
        "pre_period_s": min(watched, default=None),
        **{name: old[name] for name in ("first_s", "log_e", "log_threshold", "failed") if name in old},
    }
    connection.execute(
        sa.text("UPDATE rollout_evidence SET body = :body WHERE rollout = :rollout"),
        {"body": msgspec.json.encode(body).decode(), "rollout": rollout},
    )


def _metrics(connection: sa.Connection, rollout: str) -> list[str]:
    """The metrics of the rollout's policy, in their order; none where that is not to be found."""
    found = connection.execute(sa.text("SELECT body FROM rollout WHERE id = :id"), {"id": rollout}).scalar()
    digest = msgspec.json.decode(found)["policy"] if found else ""
    text = sa.text("SELECT body FROM policy_text WHERE digest = :digest")
    policy = connection.execute(text, {"digest": digest}).scalar()
    verdicts = msgspec.json.decode(policy)["policy"].get("verdicts", {}) if policy else {}
    return [rule["name"] for rule in verdicts.get("metrics", ())]


def _row(counter: Mapping[str, Any] | None, place: int, known: Mapping[str, Any]) -> list[float]:
    """A process as this schema packs it; its e-value, doubling and bound are worked out later (NaN)."""
    held = counter or {}
    return [
        *held.get("loglik", (0.0,) * POINTS),
        *(held.get(name, 0.0) for name in (*SUMS, "bins", "seconds", "tau")),
        place,
        known["phi"],
        nan,
        nan,
        nan,
    ]


def _totals(strata: Any) -> list[float]:
    """No PoP is settled yet: only how many have started, and the widest null."""
    held = list(strata)
    widest = max((counter.get("tau", 0.0) for counter in held), default=0.0)
    return [*(0.0,) * (POINTS + len(SUMS)), len(held), widest, -inf]


def _calibration(known: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    metrics = [known["metrics"][name] for name in names]
    weights = [dict(metric["weights"]) for metric in metrics]
    nodes = list(dict.fromkeys(node for held in weights for node in held))
    figures = [
        [
            *(metric[name] for name in FIGURES),
            metric["seconds"] / metric["bins"] if metric["bins"] else 0.0,
        ]
        for metric in metrics
    ]
    return {
        "seconds": known["seconds"],
        "nodes": nodes,
        "weights": _packed([[held.get(node, 1.0) for node in nodes] for held in weights]),
        "figures": _packed(figures),
    }


def _packed(rows: list[list[float]]) -> bytes:
    return b"".join(pack(f"<{len(row)}d", *row) for row in rows)


def _insert(
    connection: sa.Connection,
    table: str,
    rollout: str,
    pop: str,
    version: int,
    body: Mapping[str, Any],
    **columns: int,
) -> None:
    whole = {"version": version, "rollout": rollout, "pop": pop, **body}
    values = {"rollout": rollout, "pop": pop, "version": version, **columns}
    values["body"] = msgspec.json.encode(whole).decode()
    names: list[sa.ColumnClause[Any]] = [sa.column(name) for name in values]
    connection.execute(sa.table(table, *names).insert().values(values))
