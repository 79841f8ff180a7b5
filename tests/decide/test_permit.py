"""Who may do what is one table, and it is the design's."""

import pytest

from wavetrain.decide.permit import (
    PERMITS,
    Act,
    Caller,
    require,
    require_own_node,
    require_second_person,
)
from wavetrain.errors import ForbiddenError
from wavetrain.model.access import Role

SEEING = (Act.READ, Act.SEE_ACCOUNT)
MAY = {
    Role.VIEWER: {*SEEING, Act.VISIT},
    Role.CI: {*SEEING, Act.SUBMIT},
    Role.OPERATOR: {
        *SEEING,
        Act.STEER,
        Act.CORDON,
        Act.FREEZE,
        Act.ANNOUNCE,
        Act.TEND,
        Act.DESCRIBE,
        Act.ALERT,
        Act.CHOOSE,
        Act.WISH,
        Act.SUBSCRIBE,
        Act.HOLD_BACK,
        Act.VISIT,
    },
    Role.APPROVER: {*SEEING, Act.APPROVE, Act.THAW, Act.WITHDRAW, Act.RULE, Act.VISIT},
    Role.ADMIN: {*SEEING, Act.ADMIT, Act.ENROL, Act.VISIT},
    Role.NODE: {Act.POLL},
    Role.ACCOUNT: {Act.SEE_ACCOUNT, Act.CHOOSE, Act.WISH, Act.SUBSCRIBE, Act.VISIT},
    Role.EVALUATOR: {Act.EVALUATE},
    Role.CALENDAR: {Act.FEED},
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_its_own_acts_and_no_others(role: Role, act: Act) -> None:
    caller = Caller("x", (role,))
    if act in MAY[role]:
        require(caller, act)
    else:
        with pytest.raises(ForbiddenError, match="that takes the role"):
            require(caller, act)


def test_every_act_is_somebodys() -> None:
    assert set(PERMITS) == set(Act)
    assert all(PERMITS.values())


def test_a_token_with_several_roles_may_do_what_each_of_them_may() -> None:
    both = Caller("x", (Role.CI, Role.APPROVER))
    require(both, Act.SUBMIT)
    require(both, Act.WITHDRAW)
    with pytest.raises(ForbiddenError, match=r"x \(ci, approver\) may not"):
        require(both, Act.STEER)


def test_a_second_person_is_another_person() -> None:
    require_second_person(Caller("anna", (Role.APPROVER,)), "ci", "rollout r")
    with pytest.raises(ForbiddenError, match="nobody approves their own request"):
        require_second_person(Caller("ci", (Role.APPROVER,)), "ci", "rollout r")


def test_a_node_speaks_for_itself() -> None:
    require_own_node(Caller("n1", (Role.NODE,)), "n1")
    with pytest.raises(ForbiddenError):
        require_own_node(Caller("n1", (Role.NODE,)), "n2")
    with pytest.raises(ForbiddenError):
        require_own_node(Caller("n1", (Role.ADMIN,)), "n1")
