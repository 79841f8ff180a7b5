"""A store of an older release is refused with the way out, and migrated in one act, on both databases."""

from math import log, log2
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from tests.adapters.kind_samples import SAMPLES
from tests.adapters.store_cases import region
from tests.databases import Databases
from tests.evidence.from_scratch import plain

from wavetrain.adapters import store_check
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.store_migrate import migrate
from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence
from wavetrain.decide.running_test import RunningTest
from wavetrain.errors import LockedError, RefusedError
from wavetrain.evidence.counters import log_likelihood
from wavetrain.evidence.onset import PACE
from wavetrain.model.fleet import Region
from wavetrain.model.policy import MetricRule, Policy, PolicyText, Ring, Verdicts
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Rollout

FIRST = (
    "ALTER TABLE meta DROP COLUMN expires_at",
    "UPDATE meta SET schema = 1, epoch = 7, holder = 'old'",
    "DROP TABLE alembic_version",
    "DROP TABLE pop_evidence",
    "DROP TABLE pop_calibration",
    "DROP TABLE evidence_track",
)
"""What the first release had otherwise."""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    databases: Databases = request.getfixturevalue("databases")
    return databases.fresh()


def changed(place: str, *statements: str) -> None:
    opened = open_place(place)
    with opened.engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    opened.let_go()


def test_a_store_of_the_first_release_is_migrated_with_its_records_and_its_epoch(place: str) -> None:
    store = SqlStore(place)
    with store.write() as transaction:
        kept = transaction.put(region())
    store.close()
    changed(place, *FIRST)
    with pytest.raises(RefusedError, match=r"schema 1, .*run: wavetrain store migrate"):
        SqlStore(place)
    done = migrate(place)
    assert (done.before, done.after) == ("0001", REVISION)
    store = SqlStore(place)
    with store.read() as view:
        assert view.find(Region) == [kept]
        assert view.epoch == 7
    assert store.lease("new", 3.0) == 8
    store.close()
    done = migrate(place)
    assert (done.before, done.after) == (REVISION, REVISION)


def test_a_running_test_goes_on_with_all_that_its_pops_have_said(place: str) -> None:
    """As the release before kept it: one record with every counter, two PoPs, of which one is half calibrated."""
    rule = MetricRule(name="failures", events="failures", exposure="operations", weight=1.0)
    other = MetricRule(name="drops", events="drops", exposure="operations", weight=1.0)
    rings = (Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),)
    policy = Policy(lane="pop", rings=rings, verdicts=Verdicts(metrics=(rule, other)))
    rollout = next(item for item in SAMPLES if isinstance(item, Rollout)).changed(version=0, policy="d")
    store = SqlStore(place)
    with store.write() as transaction:
        transaction.put(PolicyText(digest="d", lane="pop", policy=policy, by="ada"))
        transaction.put(rollout)
        kept = transaction.put(RolloutEvidence(rollout=rollout.id))
    store.close()
    loglik = log_likelihood(9.0, 9.0, 1.0, 3.0, 2.0)
    counter = {"loglik": loglik.tolist(), "new_events": 9.0, "control_events": 9.0, "control_capped": 9.0}
    counter |= {"new_exposure": 1000.0, "control_exposure": 3000.0, "bins": 4, "seconds": 40.0, "tau": 0.05}
    known = {"weights": [["n1", 2.0]], "phi": 2.0, "tau": 0.05, "cap_per_bin": 7, "bins": 6, "seconds": 60.0}
    bare = {"weights": [], "phi": 3.0, "tau": 0.2, "cap_per_bin": 3, "bins": 0, "seconds": 0.0, "rate": 0.0}
    calibrated = {"metrics": {"failures": {**known, "rate": 0.001}, "drops": bare}, "seconds": 60.0}
    old = {
        "version": kept.version,
        "rollout": rollout.id,
        "evidence": {"metrics": [["failures", {"strata": [["fra1", counter], ["ams1", counter]]}]]},
        "pops": {"fra1": calibrated, "ams1": calibrated},
        "share": {"fra1": 0.9},
        "compared_s": {"fra1": 40.0, "ams1": 40.0},
        "first_s": 5.0,
        "log_e": 1.0,
        "log_threshold": 6.9,
        "failed": False,
    }
    body = msgspec.json.encode(old).decode().replace(":", "\\:")
    changed(place, *FIRST[3:], "UPDATE meta SET schema = 2", f"UPDATE rollout_evidence SET body = '{body}'")
    changed(place, "UPDATE alembic_version SET version_num = '0002'")
    migrate(place)
    store = SqlStore(place)
    with store.read() as view:
        test = RunningTest(
            rollout.id,
            policy,
            view.get(RolloutEvidence, rollout.id),
            view.find(PopEvidence, rollout=rollout.id, live=1),
            view.find(PopCalibration, rollout=rollout.id),
        )
    assert store_check.check(place).faults == ()
    store.close()
    test.judge()
    failures, drops = (metric.log_e for metric in test.judgement().per_metric)
    # Of four bins each, with no later onset found yet; classes begin with the next bin.
    pooled, one = (0.5 * plain(loglik * pops, 0.05) + 0.5 / (1 + PACE * log2(4)) for pops in (2, 1))
    expected = log(0.5 * pooled + 0.25 * (one / 2 + one / 6 + 1 / 3) + 0.25)
    assert failures == pytest.approx(expected, rel=1e-9)
    assert drops == pytest.approx(0.0)
    assert set(test.live) == {"fra1", "ams1"}
    assert (test.record.first_s, test.record.pre_period_s) == (5.0, 60.0)
    assert (test.pops["fra1"].share, test.pops["ams1"].compared_s) == (0.9, 40.0)
    known_again = test.calibration("fra1")
    assert known_again is not None
    assert comparison.calibrations(known_again).weights.tolist() == [[2.0], [1.0]]


def test_a_migration_that_fails_leaves_the_store_as_it_was(place: str) -> None:
    SqlStore(place).close()
    changed(place, *FIRST, "DROP TABLE region", "CREATE VIEW region AS SELECT 1 AS id")
    changed(place, "ALTER TABLE meta ADD COLUMN expires_at double precision")  # somebody was here by hand
    with pytest.raises(Exception, match="expires_at"):
        migrate(place)
    with pytest.raises(RefusedError, match="schema 1"):
        SqlStore(place)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE meta SET schema = 99"], "schema 99, .*start the version that wrote it"),
        (["UPDATE meta SET schema = 0"], "no readable schema number"),
        (["DROP TABLE meta"], "another program's tables"),
    ],
)
def test_what_is_no_older_store_is_refused(place: str, statements: list[str], message: str) -> None:
    SqlStore(place).close()
    changed(place, *statements)
    with pytest.raises(RefusedError, match=message):
        migrate(place)


def test_an_empty_place_and_a_store_in_use_are_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is empty"):
        migrate(place)
    file = tmp_path / "used.sqlite"
    used = SqlStore(file, exclusive=True, holder="the control plane")
    with pytest.raises(LockedError, match="the control plane"):
        migrate(file)
    used.close()


def test_tables_made_by_the_migrations_are_those_of_a_new_store(place: str, tmp_path: Path) -> None:
    SqlStore(place).close()
    changed(place, *FIRST)
    migrate(place)
    new = tmp_path / "new.sqlite"
    SqlStore(new).close()
    assert _columns(place) == _columns(str(new))


def _columns(place: str) -> dict[str, list[str]]:
    opened = open_place(place)
    inspector = sa.inspect(opened.engine)
    found = {
        name: sorted(column["name"] for column in inspector.get_columns(name))
        for name in inspector.get_table_names()
    }
    opened.let_go()
    return found
