"""Which releases a node refuses, whoever tells it."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.agent.servers import public, signed_bans

from wavetrain.agent.bans import COMPONENTS_MAX, banned, taken, withdrawn
from wavetrain.agent.permission import Judge
from wavetrain.wire.agent_messages import Bans

KEY = Ed25519PrivateKey.generate()
JUDGE = Judge("n1", public(KEY))


def read(kept: tuple[Bans, ...], *said: Bans) -> tuple[Bans, ...]:
    for bans in said:
        kept, _ = taken(kept, bans, JUDGE.bans_objection)
    return kept


def test_the_newest_are_kept_whatever_comes_after_them() -> None:
    newest = signed_bans(KEY, 7, "1.9.0", ("2.0.0",))
    kept = read((), signed_bans(KEY, 3), newest)
    assert kept == (newest,)
    after, refused = taken(kept, signed_bans(KEY, 6, "1.0.0"), JUDGE.bans_objection)
    assert after == kept
    assert "refused bans 6 of gateway: this node has read 7" in refused
    assert taken(kept, newest, JUDGE.bans_objection) == (kept, "")


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_in_whatever_order_they_come_the_newest_count(serials: list[int]) -> None:
    kept = read((), *(CHEAP[serial] for serial in serials))
    assert [bans.serial for bans in kept] == [max(serials)]


CHEAP = [signed_bans(KEY, serial, f"1.{serial}.0") for serial in range(51)]


@pytest.mark.parametrize(
    "forged",
    [
        structs.replace(signed_bans(KEY, 9, "1.9.0"), floor=""),
        structs.replace(signed_bans(KEY, 9, "", ("2.0.0",)), tombstones=()),
        structs.replace(signed_bans(KEY, 2), serial=9),
        structs.replace(signed_bans(KEY, 9, component="dns"), component="gateway"),
        signed_bans(Ed25519PrivateKey.generate(), 9),
        structs.replace(signed_bans(KEY, 9), signature="no base64"),
    ],
)
def test_what_the_control_plane_did_not_sign_is_refused_and_lifts_nothing(forged: Bans) -> None:
    kept = read((), signed_bans(KEY, 1, "1.9.0", ("2.0.0",)))
    after, refused = taken(kept, forged, JUDGE.bans_objection)
    assert after == kept
    assert "the signature of the bans of gateway is not the control plane's" in refused


def test_bans_of_another_component_add_to_what_is_kept_and_lift_nothing() -> None:
    kept = read((), signed_bans(KEY, 5, "1.9.0"), signed_bans(KEY, 9, component="dns"))
    assert "older than 1.9.0" in banned(kept, "1.8.0")
    more = [signed_bans(KEY, 1, component=f"c{number}") for number in range(COMPONENTS_MAX)]
    full = read(kept, *more)
    assert len(full) == COMPONENTS_MAX
    assert "keeps those of 8 components already" in taken(full, more[-1], JUDGE.bans_objection)[1]


def test_a_release_is_banned_when_it_was_withdrawn_or_is_older_than_the_floor() -> None:
    kept = read((), signed_bans(KEY, 5, "1.9.0", ("2.0.0",)))
    assert banned(kept, "2.0.0") == "release 2.0.0 was withdrawn"
    assert "release 1.9.0-rc1 is older than 1.9.0" in banned(kept, "1.9.0-rc1")
    assert [banned(kept, release) for release in ("1.9.0", "1.10.0", "")] == ["", "", ""]


def test_a_node_may_go_back_below_the_floor_but_never_to_what_was_withdrawn() -> None:
    kept = read((), signed_bans(KEY, 5, "1.9.0", ("2.0.0",)))
    assert not withdrawn(kept, "1.8.0")
    assert withdrawn(kept, "2.0.0")
