"""What a component's nodes must refuse: signed, growing, and no release of it is permitted any more."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.control.practice import APPROVER, CI, OPERATOR, START, Practice, node_caller

from wavetrain.control import bans, facts, poll, restored, rollouts, tick, withdraw
from wavetrain.control.bans import Banned
from wavetrain.control.image import Image
from wavetrain.control.poll import Order, Report
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId
from wavetrain.model.policy import CurrentPolicy, Policy
from wavetrain.model.release import Floor, Release
from wavetrain.model.rollout import Rollout
from wavetrain.wire.agent_messages import bans_bytes
from wavetrain.wire.told import told_of

NODE = NodeId("lis1-n1")


def _order(house: Practice, release: str = "2.0.0", rollout: str = "") -> Order:
    """What the node is told that was given this release with a permission."""
    with house.store.write() as transaction:
        known = transaction.get(Desired, NODE)
        transaction.put(
            Desired(
                node=NODE,
                pop=PopId("lis1"),
                generation=Generation(1, 1),
                release=release,
                rollout=rollout,
                permitted_s=60.0,
                permitted_at=transaction.steady,
                version=known.version if known is not None else 0,
            )
        )
    return poll.order(house.store, house.trust, NODE)


def _bans(house: Practice) -> Banned:
    with house.store.read() as view:
        return bans.banned(view, "gateway")


def _raise(house: Practice, number: str, caller: Caller = APPROVER) -> None:
    bans.raise_floor(house.store, caller, "gateway", number, "CVE-2027-1")


def test_the_bans_of_a_nodes_component_come_signed_with_its_order(house: Practice) -> None:
    for number in ("1.9.0", "2.0.0", "2.1.0"):
        house.submitted(number)
    withdraw.withdraw(house.store, APPROVER, "gateway@1.9.0", "cuts")
    _raise(house, "2.0.0")
    told = told_of(NODE, _order(house, "2.1.0")).bans
    assert told is not None
    assert (told.component, told.floor, told.tombstones) == ("gateway", "2.0.0", ("1.9.0",))
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(house.trust.public()))
    signed = bans_bytes(told.component, told.serial, told.floor, told.tombstones)
    key.verify(base64.b64decode(told.signature), signed)


def test_a_node_of_which_the_component_is_not_known_gets_no_bans(house: Practice) -> None:
    report = Report(node=NODE, generation=Generation(0, 0), release="1.9.0", phase=Phase.STEADY)
    poll.hear(house.store, node_caller(NODE), report)
    assert poll.order(house.store, house.trust, NODE).bans is None
    house.submitted("1.9.0")
    assert poll.order(house.store, house.trust, NODE).bans is not None


def test_the_serial_grows_with_every_change_and_over_a_restore(house: Practice) -> None:
    for number in ("1.9.0", "2.0.0", "2.1.0"):
        house.submitted(number)
    serials = [_bans(house).serial]
    withdraw.withdraw(house.store, APPROVER, "gateway@1.9.0", "cuts")
    serials.append(_bans(house).serial)
    _raise(house, "2.0.0")
    serials.append(_bans(house).serial)
    _raise(house, "2.1.0")
    serials.append(_bans(house).serial)
    _raise(house, "2.1.0")
    assert _bans(house).serial == serials[-1]
    restored.begin(house.store, START, "ada")
    serials.append(_bans(house).serial)
    assert serials == sorted(set(serials))


def test_no_release_below_the_floor_is_permitted(house: Practice) -> None:
    house.submitted("2.0.0")
    house.submitted("2.1.0")
    report = Report(node=NODE, generation=Generation(0, 0), release="2.1.0", phase=Phase.STEADY)
    poll.hear(house.store, node_caller(NODE), report)
    assert _order(house, "2.0.0").permitted_s == 60.0
    _raise(house, "2.1.0")
    order = _order(house, "2.0.0")
    assert (order.permitted_s, order.signature) == (0.0, "")
    assert _order(house, "2.1.0").permitted_s == 60.0


def test_floors_are_only_raised_and_stand_in_the_journal(house: Practice) -> None:
    house.submitted("2.0.0")
    house.submitted("2.1.0")
    _raise(house, "2.1.0")
    assert house.last() == "nothing older than 2.1.0 runs again: CVE-2027-1"
    before = house.sequence
    with pytest.raises(RefusedError, match="floors are only raised"):
        _raise(house, "2.0.0")
    assert house.sequence == before


def test_a_floor_that_a_rollout_under_way_could_not_keep_is_refused(house: Practice) -> None:
    house.rolling()  # to 2.0.0, from 1.9.0
    house.submitted("2.1.0")
    before = house.sequence
    with pytest.raises(RefusedError, match=r"may go back to 1\.9\.0, which is older than 2\.0\.0"):
        _raise(house, "2.0.0")
    with pytest.raises(RefusedError, match=r"brings 2\.0\.0, which is older than 2\.1\.0"):
        _raise(house, "2.1.0")
    assert house.sequence == before
    rollouts.abort(house.store, OPERATOR, "gateway-2.0.0", "floor")
    _raise(house, "2.1.0")


@pytest.mark.parametrize(
    ("component", "number", "says"),
    [("nix", "2.0.0", "there is no component nix"), ("gateway", "9.9", "there is no release gateway@9.9")],
)
def test_a_floor_is_a_release_that_was_submitted(
    house: Practice, component: str, number: str, says: str
) -> None:
    house.submitted("2.0.0")
    with pytest.raises(UnknownError, match=says):
        bans.raise_floor(house.store, APPROVER, component, number, "x")


def test_only_an_approver_raises_a_floor(house: Practice) -> None:
    house.submitted("2.0.0")
    for caller in (OPERATOR, CI, Caller("ada", (Role.ADMIN,))):
        with pytest.raises(ForbiddenError, match="takes the role approver"):
            _raise(house, "2.0.0", caller)


def test_a_release_below_the_floor_does_not_enter(house: Practice) -> None:
    house.submitted("2.1.0")
    _raise(house, "2.1.0")
    with pytest.raises(
        RefusedError, match=r"older than the floor 2\.1\.0 .* submit 2\.1\.0 or a newer number"
    ):
        house.submitted("2.0.0")


def test_no_new_rollout_goes_back_below_the_floor(house: Practice) -> None:
    house.submitted("2.1.0")
    report = Report(node=NODE, generation=Generation(0, 0), release="1.9.0", phase=Phase.STEADY)
    poll.hear(house.store, node_caller(NODE), report)

    def previous() -> str:
        with house.store.read() as view:
            release = view.get(Release, "gateway@2.1.0")
            assert release is not None
            return tick.previous(view, release)

    assert previous() == "1.9.0"
    _raise(house, "2.1.0")
    assert previous() == ""


class Nothing:
    """Nothing was measured."""

    def evidence_of(self, rollout: str) -> RolloutEvidence | None:
        return None

    def pops_of(self, rollout: str) -> dict[str, PopEvidence]:
        return {}

    def pre_period_s(self) -> dict[PopId, float]:
        return {}

    def unseen_s(self) -> dict[NodeId, float]:
        return {}

    def source_fault(self) -> str:
        return ""

    def shadow_of(self, _: Rollout, __: Policy) -> str:
        return ""


def test_for_a_decision_a_version_below_the_floor_is_as_good_as_withdrawn(house: Practice) -> None:
    rollout = house.rolling()  # to 2.0.0, from 1.9.0
    with house.store.write() as transaction:
        floor = Floor(component="gateway", number="2.0.0", reason="x", at=transaction.now, by="anna")
        transaction.put(floor)
    with house.store.read() as view:
        pinned = rollout.changed(policy=view.find(CurrentPolicy)[0].digest)
        assert facts.load(Image().follow(view), view, pinned, Nothing()).tombstoned == {"1.9.0"}
