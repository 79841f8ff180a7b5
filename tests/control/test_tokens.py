"""Tokens are shown once, kept as digests, and end when they should."""

import pytest
from tests.control.practice import ADMIN, APPROVER, Practice

from wavetrain.control import tokens
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Role, Token
from wavetrain.model.ledger import Ledger

DAY_S = 86_400


def test_a_secret_is_its_bearers_and_only_its_digest_is_kept(house: Practice) -> None:
    token, secret = tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR, Role.VIEWER])
    caller = tokens.authenticate(house.store, secret)
    assert caller is not None
    assert (caller.name, caller.roles) == ("olga", (Role.OPERATOR, Role.VIEWER))
    with house.store.read() as view:
        kept = view.get(Token, token.id)
        assert kept is not None
        assert secret not in repr(kept)
        assert all(secret not in entry.text for entry in view.journal_tail())


@pytest.mark.parametrize("secret", ["", "wt_nix", "x" * 1000, "\u00e4"])
def test_an_unknown_secret_is_nobodys(house: Practice, secret: str) -> None:
    tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR])
    assert tokens.authenticate(house.store, secret) is None


def test_a_nodes_token_of_older_times_is_nobodys(house: Practice) -> None:
    token, secret = tokens.create(house.store, ADMIN, "lis1-n1", [Role.VIEWER])
    with house.store.write() as transaction:
        kept = transaction.get(Token, token.id)
        assert kept is not None
        transaction.put(kept.changed(roles=(Role.NODE,)))
    assert tokens.authenticate(house.store, secret) is None


def test_without_days_a_token_ends_after_ninety_of_them(house: Practice) -> None:
    _, secret = tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR])
    house.seconds += 90 * DAY_S - 1
    assert tokens.authenticate(house.store, secret) is not None
    house.seconds += 1
    assert tokens.authenticate(house.store, secret) is None


def test_a_revoked_token_is_nobodys(house: Practice) -> None:
    token, secret = tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR])
    assert tokens.revoke(house.store, ADMIN, token.id).revoked
    assert tokens.authenticate(house.store, secret) is None


def test_a_token_ends_by_the_stores_own_clock_and_no_jump_ends_it(house: Practice) -> None:
    _, secret = tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR], days=1)
    with house.store.write() as transaction:
        transaction.put(Ledger(jumped_s=30 * DAY_S))
    house.seconds += DAY_S - 1
    assert tokens.authenticate(house.store, secret) is not None
    house.seconds += 1
    assert tokens.authenticate(house.store, secret) is None


def test_the_last_token_that_makes_tokens_stays(house: Practice) -> None:
    assert tokens.ensure_first(house.store) is not None
    assert tokens.ensure_first(house.store) is None
    first = tokens.seen(house.store, ADMIN)[0]
    with pytest.raises(RefusedError, match="is the last that may make tokens"):
        tokens.revoke(house.store, ADMIN, first.id)
    tokens.create(house.store, ADMIN, "ada", [Role.ADMIN])
    assert tokens.revoke(house.store, ADMIN, first.id).revoked


@pytest.mark.parametrize(
    ("name", "roles", "days", "said"),
    [
        ("", [Role.VIEWER], None, "1 to 100 printable characters"),
        ("a\nb", [Role.VIEWER], None, "printable"),
        ("a", [], None, "has no role"),
        ("lis1-n1", [Role.NODE, Role.ADMIN], None, "run: wavetrain node join lis1-n1"),
        ("lis1-n1", [Role.NODE], None, "nodes have certificates and no tokens"),
        ("a", [Role.VIEWER], 0, "would live 0 days"),
    ],
)
def test_a_bad_token_is_refused(
    house: Practice, name: str, roles: list[Role], days: int | None, said: str
) -> None:
    before = house.sequence
    with pytest.raises(RefusedError) as caught:
        tokens.create(house.store, ADMIN, name, roles, days)
    assert said in str(caught.value)
    assert house.sequence == before


def test_only_an_admin_makes_sees_and_revokes_tokens(house: Practice) -> None:
    token, _ = tokens.create(house.store, ADMIN, "olga", [Role.OPERATOR])
    for deed in (
        lambda: tokens.create(house.store, APPROVER, "x", [Role.VIEWER]),
        lambda: tokens.seen(house.store, APPROVER),
        lambda: tokens.revoke(house.store, APPROVER, token.id),
    ):
        with pytest.raises(ForbiddenError, match="takes the role admin"):
            deed()
    with pytest.raises(UnknownError):
        tokens.revoke(house.store, ADMIN, "t-nix")
