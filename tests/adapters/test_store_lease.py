"""One process at a time writes: leases, on every implementation of the store."""

import pytest
from tests.adapters.store_cases import Opened, region

from wavetrain.errors import StaleError
from wavetrain.model.fleet import Region


def test_a_lease_keeps_others_out_until_it_expires(opened: Opened) -> None:
    first, second = opened.store, opened.beside()
    epoch = first.lease("one", 3.0)
    assert epoch is not None
    assert second.lease("two", 3.0) is None
    opened.clock.seconds += 2.0
    assert first.lease("one", 3.0) == epoch, "renewed, under the same epoch"
    opened.clock.seconds += 2.9
    assert second.lease("two", 3.0) is None
    opened.clock.seconds += 0.2
    assert second.lease("two", 3.0) == epoch + 1


def test_who_lost_the_lease_commits_nothing_more(opened: Opened) -> None:
    first, second = opened.store, opened.beside()
    first.lease("one", 3.0)
    opened.clock.seconds += 3.1
    with first.write() as transaction:  # nobody has taken over: no harm
        transaction.put(region("na"))
    second.lease("two", 3.0)
    with pytest.raises(StaleError, match=r"epoch .* is over: two writes"), first.write() as transaction:
        transaction.put(region())
    with second.write() as transaction:
        assert [item.id for item in transaction.find(Region)] == ["na"]
    assert first.lease("one", 3.0) is None


def test_a_lease_that_is_released_is_free_at_once(opened: Opened) -> None:
    first, second = opened.store, opened.beside()
    epoch = first.lease("one", 3.0)
    assert epoch is not None
    first.release_lease()
    assert second.lease("two", 3.0) == epoch + 1
    first.release_lease()  # another's lease is not ours to release
    assert first.lease("one", 3.0) is None
