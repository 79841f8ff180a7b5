"""A node reports for itself alone, its generations only grow, and it is told what was committed."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.control.practice import APPROVER, DIGEST, OPERATOR, ROLLOUT, Practice, node_caller

from wavetrain.control import nodes, poll, withdraw
from wavetrain.control.facts import ledger_of
from wavetrain.control.poll import Report, Visitor
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.fleet import FIRST, Desired, Generation, NodeId, Phase, PopId, Reported, Visit
from wavetrain.wire.agent_messages import signed_bytes

NODE = NodeId("lis1-n1")
ME = node_caller(NODE)


def said(counter: int = 1, phase: Phase = Phase.STEADY, release: str = "1.9.0", **fields: Any) -> Report:
    generation = Generation(1, counter) if counter else FIRST
    return Report(node=NODE, generation=generation, release=release, phase=phase, **fields)


def _told(house: Practice, counter: int = 1, permitted_s: float = 60.0) -> None:
    with house.store.write() as transaction:
        transaction.put(
            Desired(
                node=NODE,
                pop=PopId("lis1"),
                generation=Generation(1, counter),
                release="2.0.0",
                rollout="gateway-2.0.0",
                permitted_s=permitted_s,
                permitted_at=transaction.steady,
            )
        )


def test_a_report_that_says_nothing_new_writes_nothing(house: Practice) -> None:
    poll.hear(house.store, ME, said(0))
    before = house.sequence
    poll.hear(house.store, ME, said(0))
    assert house.sequence == before
    poll.hear(house.store, ME, said(0, detail="disk 80 % full"))
    changes, lines = house.sequence
    assert (changes, lines) == (before[0] + 1, before[1])


def test_since_is_when_the_node_began_to_do_what_it_does(house: Practice) -> None:
    poll.hear(house.store, ME, said(0))
    house.seconds += 60
    poll.hear(house.store, ME, said(0, detail="more"))
    with house.store.read() as view:
        known = view.get(Reported, NODE)
    assert known is not None
    assert known.since.timestamp() == house.seconds - 60
    poll.hear(house.store, ME, said(0, phase=Phase.DRAINING))
    with house.store.read() as view:
        known = view.get(Reported, NODE)
    assert known is not None
    assert known.since.timestamp() == house.seconds
    assert house.last() == "draining on 1.9.0, generation 0.0"


def test_a_report_for_another_node_is_refused(house: Practice) -> None:
    before = house.sequence
    with pytest.raises(ForbiddenError, match="the certificate of node lis1-n2 cannot speak for node lis1-n1"):
        poll.hear(house.store, node_caller("lis1-n2"), said(0))
    with pytest.raises(ForbiddenError, match="takes the role node"):
        poll.hear(house.store, OPERATOR, said(0))
    assert house.sequence == before


def test_a_node_that_the_fleet_does_not_have_is_refused(house: Practice) -> None:
    report = Report(node=NodeId("nix"), generation=FIRST, release="", phase=Phase.STEADY)
    with pytest.raises(UnknownError, match="there is no node nix in the fleet"):
        poll.hear(house.store, node_caller("nix"), report)


def test_an_older_generation_is_refused_until_the_node_is_rebuilt(house: Practice) -> None:
    house.rolling()
    poll.hear(house.store, ME, said(1))
    before = house.sequence
    with pytest.raises(
        RefusedError, match=r"reports generation 0\.0 after 1\.1; they only grow; if the node was set up anew"
    ):
        poll.hear(house.store, ME, said(0))
    assert house.sequence == before
    nodes.rebuild(house.store, OPERATOR, NODE, "new disk")
    poll.hear(house.store, ME, said(0))


@pytest.mark.parametrize("fresh_first", [True, False])
def test_what_the_machine_of_before_said_comes_late_and_is_no_news_of_the_one_that_was_set_up_anew(
    house: Practice, fresh_first: bool
) -> None:
    house.rolling()
    poll.hear(house.store, ME, said(1, boot="old"))
    nodes.rebuild(house.store, OPERATOR, NODE, "new disk")
    late, fresh = said(1, boot="old", phase=Phase.DRAINING), said(0, boot="new")
    if fresh_first:
        poll.hear(house.store, ME, fresh)
    before = house.sequence
    with pytest.raises(RefusedError, match=r"from before it was rebuilt on .*; empty its agent's folder"):
        poll.hear(house.store, ME, late)
    assert house.sequence == before
    poll.hear(house.store, ME, fresh)
    with house.store.read() as view:
        known = view.get(Reported, NODE)
    assert known is not None
    assert (known.boot, known.phase) == ("new", Phase.STEADY)


def test_an_agent_whose_folder_was_emptied_without_a_reboot_goes_on_as_a_new_one(house: Practice) -> None:
    house.rolling()
    poll.hear(house.store, ME, said(1, boot="same"))
    nodes.rebuild(house.store, OPERATOR, NODE, "new disk")
    poll.hear(house.store, ME, said(0, boot="same"))
    with house.store.write() as transaction:
        ledger = ledger_of(transaction)
        transaction.put(ledger.changed(generation=ledger.generation.following()))
    poll.hear(house.store, ME, said(ledger.generation.counter + 1, boot="same"))


def test_a_generation_that_was_never_given_out_is_refused(house: Practice) -> None:
    before = house.sequence
    with pytest.raises(RefusedError, match=r"reports generation 1\.7, but the last one given out is 1\.0"):
        poll.hear(house.store, ME, said(7))
    assert house.sequence == before


def test_a_retired_node_is_told_to_ask_for_a_rebuild(house: Practice) -> None:
    nodes.retire(house.store, OPERATOR, NODE, "disk")
    with pytest.raises(ForbiddenError, match="was retired by olga"):
        poll.hear(house.store, ME, said(0))


def test_a_node_that_was_never_told_anything_should_run_what_it_runs(house: Practice) -> None:
    assert poll.order(house.store, house.trust, NODE).generation == FIRST
    poll.hear(house.store, ME, said(0))
    order = poll.order(house.store, house.trust, NODE)
    assert (order.generation, order.release, order.signature) == (FIRST, "1.9.0", "")


def test_a_permission_is_signed_over_what_it_permits(house: Practice) -> None:
    house.rolling()
    _told(house)
    order = poll.order(house.store, house.trust, NODE)
    assert (order.release, order.digest, order.size, order.permitted_s) == ("2.0.0", DIGEST, 13, 60.0)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(house.trust.public()))
    assert order.plan == f"{ROLLOUT}/0"
    signed = signed_bytes(NODE, order.generation, DIGEST, order.plan, 60.0)
    key.verify(base64.b64decode(order.signature), signed)


def test_a_restart_is_told_and_signed_until_the_node_has_taken_it_up(house: Practice) -> None:
    house.rolling()
    _told(house)
    with house.store.write() as transaction:
        desired = transaction.get(Desired, NODE)
        assert desired is not None
        transaction.put(desired.changed(restart=True))
    poll.hear(house.store, ME, said(0))
    order = poll.order(house.store, house.trust, NODE)
    assert (order.restart, order.permitted_s) == (True, 60.0)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(house.trust.public()))
    signed = signed_bytes(NODE, order.generation, DIGEST, order.plan, 60.0, restart=True)
    key.verify(base64.b64decode(order.signature), signed)
    house.seconds += 90.0
    late = poll.order(house.store, house.trust, NODE)
    assert (late.restart, late.permitted_s) == (True, 0.0), "or it would be taken up without a restart"
    poll.hear(house.store, ME, said(1, release="2.0.0"))
    assert not poll.order(house.store, house.trust, NODE).restart


def test_a_permission_ages_from_when_it_was_given_not_from_when_it_is_fetched(house: Practice) -> None:
    house.rolling()
    _told(house)
    house.seconds += 45.0
    assert poll.order(house.store, house.trust, NODE).permitted_s == pytest.approx(15.0)
    house.seconds += 3600.0
    order = poll.order(house.store, house.trust, NODE)
    assert (order.release, order.permitted_s, order.signature) == ("2.0.0", 0.0, "")


def test_without_leave_there_is_no_permission(house: Practice) -> None:
    house.rolling()
    _told(house, permitted_s=0.0)
    assert poll.order(house.store, house.trust, NODE).signature == ""


@pytest.mark.parametrize("phase", [Phase.STEADY, Phase.LAPSED, Phase.REVERTED, Phase.FAILED])
def test_a_generation_that_came_to_its_end_permits_nothing_more(house: Practice, phase: Phase) -> None:
    house.rolling()
    _told(house)
    poll.hear(house.store, ME, said(1, Phase.DRAINING))
    assert poll.order(house.store, house.trust, NODE).permitted_s == 60.0
    poll.hear(house.store, ME, said(1, phase))
    assert poll.order(house.store, house.trust, NODE).permitted_s == 0.0


def test_a_withdrawn_release_is_in_the_tombstones_and_not_permitted(house: Practice) -> None:
    house.rolling()
    _told(house)
    poll.hear(house.store, ME, said(0))
    withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "it leaks")
    order = poll.order(house.store, house.trust, NODE)
    assert (order.tombstones, order.signature) == (("2.0.0",), "")


def test_a_node_fetches_only_what_it_is_told(house: Practice) -> None:
    house.rolling()
    with pytest.raises(ForbiddenError, match="may fetch only the release"):
        poll.may_fetch(house.store, ME, DIGEST)
    _told(house)
    poll.may_fetch(house.store, ME, DIGEST)
    with pytest.raises(ForbiddenError):
        poll.may_fetch(house.store, ME, "0" * 64)
    with pytest.raises(ForbiddenError):
        poll.may_fetch(house.store, node_caller("lis1-n2"), DIGEST)


def test_visits_are_kept_once_and_only_grow(house: Practice) -> None:
    def visit(sessions: int) -> list[Visitor]:
        return [Visitor(account="acme", day="2026-11-01", sessions=sessions)]

    poll.hear(house.store, ME, said(0), visit(3))
    before = house.sequence
    poll.hear(house.store, ME, said(0), visit(2))
    poll.hear(house.store, ME, said(0), visit(3) + visit(1))
    assert house.sequence == before
    poll.hear(house.store, ME, said(0), visit(4) + visit(5))
    with house.store.read() as view:
        assert [(item.account, item.pop, item.sessions) for item in view.find(Visit)] == [("acme", "lis1", 5)]


def test_many_reports_are_taken_in_together_each_under_the_same_rules(house: Practice) -> None:
    other, stranger = NodeId("lis1-n2"), NodeId("nobody")
    foreign = msgspec.structs.replace(said(0), node=other)
    before = house.sequence
    refused = poll.hear_all(
        house.store,
        [
            (ME, said(0)),
            (node_caller(other), foreign),
            (ME, said(0)),  # doubled: says nothing new
            (ME, foreign),
            (node_caller(stranger), msgspec.structs.replace(said(0), node=stranger)),
            (ME, said(9)),  # a generation that was never given out
        ],
    )
    assert len(refused) == 3
    assert house.sequence[0] == before[0] + 2
    with house.store.read() as view:
        assert view.get(Reported, NODE) is not None
        assert view.get(Reported, other) is not None
    assert poll.hear_all(house.store, []) == []
