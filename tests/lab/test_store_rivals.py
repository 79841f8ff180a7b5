"""A standby takes over in time, and a writer that was frozen does no harm when it comes back; on PostgreSQL."""

import pytest
from tests.databases import Databases

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.lab.store_rivals import late_commits, takeover_s
from wavetrain.model.fleet import Region

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_a_standby_takes_over_within_five_seconds(databases: Databases, how: str) -> None:
    assert takeover_s(databases.fresh(), how) < 5.0


def test_a_writer_that_was_frozen_writes_nothing_more(databases: Databases) -> None:
    place = databases.fresh()
    late = late_commits(place, 5)
    assert (late.refused, late.written) == (5, 0)
    store = SqlStore(place)
    with store.read() as view:
        assert view.find(Region) == []
    store.close()
