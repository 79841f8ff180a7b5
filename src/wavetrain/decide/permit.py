"""Permit: who may do what?"""

from enum import StrEnum

import msgspec

from wavetrain.errors import ForbiddenError
from wavetrain.model.access import Role


class Act(StrEnum):
    """What may be asked at a door."""

    READ = "read"
    SUBMIT = "submit releases"
    STEER = "pause, resume, abort and revert rollouts, ramp features"
    CORDON = "cordon PoPs and nodes"
    FREEZE = "add freezes"
    ANNOUNCE = "announce features"
    TEND = "retire and rebuild nodes"
    DESCRIBE = "apply and adopt fleets"
    APPROVE = "approve"
    THAW = "remove freezes"
    WITHDRAW = "withdraw releases and raise floors"
    RULE = "apply policies"
    ADMIT = "make and revoke tokens"
    ALERT = "retry and test alerts"
    ENROL = "let nodes join and revoke their certificates"
    POLL = "report as a node"
    EVALUATE = "evaluate features"
    SEE_ACCOUNT = "see what concerns an account"
    FEED = "read an account's feeds"
    SUBSCRIBE = "say how an account is told"
    CHOOSE = "choose features for an account"
    WISH = "say what an account wishes"
    VISIT = "log in at the pages"
    HOLD_BACK = "hold features back from accounts"


class Caller(msgspec.Struct, frozen=True):
    """Who asks: the name that the journal shows, and the roles that count."""

    name: str
    roles: tuple[Role, ...]
    account: str = ""
    """The account that it speaks for, where it has that role."""


_PERSONS = frozenset({Role.VIEWER, Role.CI, Role.OPERATOR, Role.APPROVER, Role.ADMIN})

PERMITS: dict[Act, frozenset[Role]] = {
    Act.READ: _PERSONS,
    Act.SUBMIT: frozenset({Role.CI}),
    Act.STEER: frozenset({Role.OPERATOR}),
    Act.CORDON: frozenset({Role.OPERATOR}),
    Act.FREEZE: frozenset({Role.OPERATOR}),
    Act.ANNOUNCE: frozenset({Role.OPERATOR}),
    Act.TEND: frozenset({Role.OPERATOR}),
    Act.DESCRIBE: frozenset({Role.OPERATOR}),
    Act.APPROVE: frozenset({Role.APPROVER}),
    Act.THAW: frozenset({Role.APPROVER}),
    Act.WITHDRAW: frozenset({Role.APPROVER}),
    Act.RULE: frozenset({Role.APPROVER}),
    Act.ADMIT: frozenset({Role.ADMIN}),
    Act.ALERT: frozenset({Role.OPERATOR}),
    Act.ENROL: frozenset({Role.ADMIN}),
    Act.POLL: frozenset({Role.NODE}),
    Act.EVALUATE: frozenset({Role.EVALUATOR}),
    Act.SEE_ACCOUNT: _PERSONS | {Role.ACCOUNT},
    Act.FEED: frozenset({Role.CALENDAR}),
    Act.SUBSCRIBE: frozenset({Role.OPERATOR, Role.ACCOUNT}),
    Act.CHOOSE: frozenset({Role.OPERATOR, Role.ACCOUNT}),
    Act.WISH: frozenset({Role.OPERATOR, Role.ACCOUNT}),
    Act.VISIT: (_PERSONS - {Role.CI}) | {Role.ACCOUNT},
    Act.HOLD_BACK: frozenset({Role.OPERATOR}),
}
"""The whole table. Roles do not contain one another; a token may carry several."""


def may(caller: Caller, act: Act) -> bool:
    """Whether one of the caller's roles may do it."""
    return not PERMITS[act].isdisjoint(caller.roles)


def require(caller: Caller, act: Act) -> None:
    """`ForbiddenError` unless one of the caller's roles may do it."""
    if not may(caller, act):
        has = ", ".join(role.value for role in caller.roles) or "no role"
        needs = " or ".join(sorted(role.value for role in PERMITS[act]))
        raise ForbiddenError(
            f"{caller.name} ({has}) may not {act.value}; that takes the role {needs}; ask an admin for a token with it"
        )


def require_second_person(caller: Caller, asked_by: str, what: str) -> None:
    """`ForbiddenError` when the one who approves is the one who asked."""
    if caller.name == asked_by:
        raise ForbiddenError(
            f"{what} was asked for by {asked_by}, and nobody approves their own request; let another approver do it"
        )


def require_own_node(caller: Caller, node: str) -> None:
    """`ForbiddenError` when one node speaks for another."""
    require(caller, Act.POLL)
    if caller.name != node:
        raise ForbiddenError(
            f"the certificate of node {caller.name} cannot speak for node {node[:120]}; let node {node[:120]} join "
            "with its own"
        )


def require_account(caller: Caller, account: str, act: Act) -> None:
    """`ForbiddenError` unless it may do this for the account: an account's own token only for that one."""
    require(caller, act)
    if not {Role.ACCOUNT, Role.CALENDAR}.isdisjoint(caller.roles) and caller.account != account:
        raise ForbiddenError(
            f"the token of {caller.name} speaks for account {caller.account}, not for {account[:120]}; use the token "
            "of that account"
        )
