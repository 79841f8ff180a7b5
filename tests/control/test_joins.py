"""A node becomes known by a certificate once, keeps it up itself, and is nobody when it was revoked."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.control.identities import Identity
from tests.control.practice import ADMIN, APPROVER, OPERATOR, Practice, node_caller, pop_text

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.control import fleets, joins, nodes
from wavetrain.control.joins import Peer
from wavetrain.control.ports import Issued
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Certificate, Join, Role
from wavetrain.model.fleet import NodeId
from wavetrain.model.ledger import Ledger
from wavetrain.model.standstill import Cause, Standstill

NODE, OTHER = NodeId("lis1-n1"), NodeId("lis1-n2")
ME = node_caller(NODE)
HOUR_S = 3600
CSR = Identity().csr


STOLEN = "its disk was stolen"


class Registry:
    """A house with an authority."""

    def __init__(self, folder: Path) -> None:
        self.house = Practice(folder)
        self.store = self.house.store
        self.authority = OwnAuthority(folder, datetime.fromtimestamp(self.house.seconds, UTC))

    def secret(self, node: str = NODE, minutes: int = 60) -> str:
        return joins.make(self.store, self.authority, ADMIN, node, minutes).secret

    def join(self, secret: str = "", csr: str = CSR) -> Issued:
        return joins.joined(self.store, self.authority, secret or self.secret(), csr)

    def renew(self, serial: str, node: str = NODE) -> Issued:
        return joins.renewed(self.store, self.authority, node_caller(node), serial, CSR)

    def knows(self, issued: Issued, node: str = NODE) -> bool:
        return joins.recognised(self.store, peer(issued, node)) is not None

    def journal(self, count: int = 1) -> list[tuple[str, str]]:
        with self.store.read() as view:
            return [(entry.who, entry.text) for entry in view.journal_tail(count)]


def peer(issued: Issued, node: str = NODE) -> Peer:
    return Peer(
        node=NodeId(node),
        serial=issued.serial,
        not_before=issued.not_before,
        not_after=issued.not_after,
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_a_join_token_makes_its_node_known_and_only_its_digest_is_kept(registry: Registry) -> None:
    made = joins.make(registry.store, registry.authority, ADMIN, NODE)
    assert made.authority_sha256 == registry.authority.fingerprint()
    issued = registry.join(made.secret)
    caller = joins.recognised(registry.store, peer(issued))
    assert caller is not None
    assert (caller.name, caller.roles) == (NODE, (Role.NODE,))
    with registry.store.read() as view:
        (join,) = view.find(Join, node=NODE)
        assert made.secret not in repr(join)
        assert all(made.secret not in entry.text for entry in view.journal_tail())
        assert join.used_at is not None
    who, text = registry.journal()[0]
    assert who == NODE
    assert f"joined with token {join.id}, made by ada; certificate {issued.serial}" in text


def test_a_join_token_counts_once_and_a_second_use_is_in_the_journal(registry: Registry) -> None:
    secret = registry.secret()
    first = registry.join(secret)
    with pytest.raises(ForbiddenError, match=r"was used already at .*wavetrain node revoke lis1-n1"):
        registry.join(secret, Identity("thief").csr)
    assert "was shown a second time" in registry.journal()[0][1]
    with registry.store.read() as view:
        assert [item.serial for item in view.find(Certificate)] == [first.serial]


def test_of_many_uses_at_once_exactly_one_wins(registry: Registry) -> None:
    secret, together = registry.secret(), threading.Barrier(6)

    def use() -> bool:
        together.wait(10)
        try:
            registry.join(secret)
        except ForbiddenError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = [future.result(20) for future in [pool.submit(use) for _ in range(6)]]
    assert sum(won) == 1
    with registry.store.read() as view:
        assert len(view.find(Certificate)) == 1


def test_a_bad_request_leaves_the_token_as_it_was(registry: Registry) -> None:
    secret = registry.secret()
    before = registry.house.sequence
    with pytest.raises(RefusedError, match="the signing request is refused"):
        registry.join(secret, "nix")
    assert registry.house.sequence == before
    assert registry.knows(registry.join(secret))


def test_a_join_token_ends_by_the_stores_own_clock_and_no_jump_ends_it(registry: Registry) -> None:
    early, late = registry.secret(), registry.secret(OTHER)
    with registry.store.write() as transaction:
        transaction.put(Ledger(jumped_s=30 * 24 * HOUR_S))
    registry.house.seconds += HOUR_S - 1
    registry.join(early)
    registry.house.seconds += 1
    before = registry.house.sequence
    with pytest.raises(ForbiddenError, match=r"ended at .*make another: wavetrain node join lis1-n2"):
        registry.join(late)
    assert registry.house.sequence == before


@pytest.mark.parametrize("secret", ["", "wj_nix", "x" * 1000, "\udcff"])
def test_an_unknown_join_token_is_refused_and_nothing_is_written(registry: Registry, secret: str) -> None:
    registry.secret()
    before = registry.house.sequence
    with pytest.raises(ForbiddenError, match="unknown or long over"):
        joins.joined(registry.store, registry.authority, secret, CSR)
    assert registry.house.sequence == before


def test_a_new_join_token_ends_the_older_unused_one(registry: Registry) -> None:
    older, newer = registry.secret(), registry.secret()
    with pytest.raises(ForbiddenError, match="was revoked"):
        registry.join(older)
    assert registry.knows(registry.join(newer))


@pytest.mark.parametrize("minutes", [0, -1, 24 * 60 + 1])
def test_a_join_token_lives_a_day_at_most(registry: Registry, minutes: int) -> None:
    with pytest.raises(RefusedError, match="give 1 to 1440"):
        registry.secret(minutes=minutes)


def test_only_an_admin_lets_nodes_of_the_fleet_join(registry: Registry) -> None:
    with pytest.raises(UnknownError, match="there is no node nix in the fleet"):
        registry.secret("nix")
    for caller in (OPERATOR, APPROVER, ME):
        with pytest.raises(ForbiddenError, match="takes the role admin"):
            joins.make(registry.store, registry.authority, caller, NODE)
        with pytest.raises(ForbiddenError, match="takes the role admin"):
            joins.revoke(registry.store, caller, NODE, STOLEN)


def test_a_renewed_certificate_follows_and_the_older_stays_good_until_its_end(registry: Registry) -> None:
    first = registry.join()
    registry.house.seconds += 16 * HOUR_S
    second = registry.renew(first.serial)
    assert f"certificate {second.serial} follows {first.serial}" in registry.journal()[0][1]
    assert registry.knows(first)
    registry.house.seconds += 8 * HOUR_S
    assert not registry.knows(first)
    assert registry.knows(second)


def test_a_certificate_that_is_over_is_forgotten_with_the_next_renewal(registry: Registry) -> None:
    serial = registry.join().serial
    for _ in range(5):
        registry.house.seconds += 16 * HOUR_S
        serial = registry.renew(serial).serial
    with registry.store.read() as view:
        assert len(view.find(Certificate)) == 2


def test_a_node_that_renews_without_end_has_a_bounded_number_of_certificates(registry: Registry) -> None:
    first = last = registry.join()
    for _ in range(20):
        last = registry.renew(first.serial)
    with registry.store.read() as view:
        assert len(view.find(Certificate)) == joins.CERTIFICATES_MAX
    assert registry.knows(first)
    assert registry.knows(last)


def test_only_a_good_certificate_of_the_node_itself_is_followed(registry: Registry) -> None:
    mine = registry.join()
    theirs = registry.join(registry.secret(OTHER))
    before = registry.house.sequence
    for serial in (theirs.serial, "abc", ""):
        with pytest.raises(ForbiddenError, match="without a good one of its own"):
            registry.renew(serial)
    with pytest.raises(ForbiddenError, match="takes the role node"):
        joins.renewed(registry.store, registry.authority, OPERATOR, mine.serial, CSR)
    assert registry.house.sequence == before


def test_a_certificate_speaks_for_the_node_that_it_was_given_to(registry: Registry) -> None:
    issued = registry.join()
    assert not registry.knows(issued, OTHER)


def test_a_revoked_node_is_nobody_until_it_joins_anew(registry: Registry) -> None:
    issued, unused = registry.join(), registry.secret()
    assert joins.revoke(registry.store, ADMIN, NODE, STOLEN) == joins.Revoked(
        node=NODE, certificates=1, joins=1
    )
    assert registry.journal() == [("ada", f"revoked, 1 certificates and 1 join tokens: {STOLEN}")]
    assert not registry.knows(issued)
    with pytest.raises(ForbiddenError):
        registry.join(unused)
    with pytest.raises(ForbiddenError, match="without a good one"):
        registry.renew(issued.serial)
    before = registry.house.sequence
    assert joins.revoke(registry.store, ADMIN, NODE, STOLEN).certificates == 0
    assert registry.house.sequence == before
    assert registry.knows(registry.join())
    with pytest.raises(UnknownError):
        joins.revoke(registry.store, ADMIN, "nix", STOLEN)


def test_a_retired_node_is_nobody_and_neither_joins_nor_renews(registry: Registry) -> None:
    issued, unused = registry.join(), registry.secret()
    nodes.retire(registry.store, OPERATOR, NODE, "disk")
    assert "1 certificates revoked" in registry.journal()[0][1]
    assert not registry.knows(issued)
    with pytest.raises(ForbiddenError):
        registry.renew(issued.serial)
    with pytest.raises(ForbiddenError):
        registry.join(unused)
    with pytest.raises(ForbiddenError, match="was retired by olga"):
        registry.secret()
    nodes.rebuild(registry.store, OPERATOR, NODE, "new disk")
    assert not registry.knows(issued)
    assert registry.knows(registry.join())


def test_a_node_that_left_the_fleet_does_not_renew(registry: Registry) -> None:
    issued = registry.join()
    text = '[[region]]\nid = "emea"\n' + pop_text("fra1") + pop_text("lis1").replace('"lis1-n1", ', "")
    fleets.apply(registry.store, OPERATOR, registry.house.fleet(text))
    with pytest.raises(UnknownError, match="there is no node lis1-n1"):
        registry.renew(issued.serial)


def test_what_was_given_out_after_a_backup_counts_while_the_restored_store_waits(registry: Registry) -> None:
    """The record of it is gone with the lost store; the node is still to say what it runs."""
    issued = registry.authority.issue(NODE, CSR, datetime.fromtimestamp(registry.house.seconds, UTC))
    assert not registry.knows(issued)
    with registry.store.write() as transaction:
        transaction.put(Standstill(cause=Cause.RESTORE, since=transaction.now, detail="an hour ago"))
    stranger = registry.authority.issue(NodeId("nix"), CSR, issued.not_before)
    assert not registry.knows(stranger, "nix")
    assert registry.knows(issued)
    assert "was given out after the backup was taken" in registry.journal()[0][1]
    with registry.store.write() as transaction:
        for item in transaction.find(Standstill):
            transaction.remove(item)
    assert registry.knows(issued)
    late = registry.authority.issue(NODE, CSR, issued.not_before + timedelta(minutes=10))
    assert not registry.knows(late)


def test_a_revoked_certificate_does_not_come_back_with_a_restore(registry: Registry) -> None:
    issued = registry.join()
    joins.revoke(registry.store, ADMIN, NODE, STOLEN)
    with registry.store.write() as transaction:
        transaction.put(Standstill(cause=Cause.RESTORE, since=transaction.now, detail="an hour ago"))
    assert not registry.knows(issued)
