"""What a person asks of a rollout changes its status by the one table, or is refused."""

from collections.abc import Callable

import pytest
from tests.control.practice import APPROVER, CI, OPERATOR, ROLLOUT, VIEWER, Practice

from wavetrain.control import rollouts, withdraw
from wavetrain.control.ports import Store
from wavetrain.control.rollouts import Consent
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, TransitionError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.plan import Reason
from wavetrain.model.rollout import Rollout, Status, Wave, WaveStatus

Deed = Callable[[Store, Caller, str, str], Rollout]


@pytest.mark.parametrize(
    ("before", "deed", "after"),
    [
        (Status.ROLLING, rollouts.pause, Status.PAUSED),
        (Status.PAUSED, rollouts.resume, Status.ROLLING),
        (Status.ROLLING, rollouts.abort, Status.STOPPED),
        (Status.ROLLING, rollouts.revert, Status.REVERTING),
        (Status.PAUSED, rollouts.revert, Status.REVERTING),
        (Status.ANNOUNCED, rollouts.revert, Status.REVERTING),
        (Status.PLANNED, rollouts.pause, Status.PAUSED),
    ],
)
def test_a_wish_leads_to_the_status_of_the_table(
    house: Practice, before: Status, deed: Deed, after: Status
) -> None:
    house.rolling(before)
    made = deed(house.store, OPERATOR, ROLLOUT, "it looks odd")
    assert made.status is after
    assert house.last().startswith(f"{before.value} -> {after.value}: it looks odd")
    with house.store.read() as view:
        assert view.get(Rollout, ROLLOUT) == made


@pytest.mark.parametrize(
    ("before", "deed"),
    [
        (Status.COMPLETED, rollouts.pause),
        (Status.REVERTED, rollouts.revert),
        (Status.REVERTING, rollouts.pause),
        (Status.ROLLING, rollouts.resume),
        (Status.STOPPED, rollouts.abort),
    ],
)
def test_a_wish_that_the_table_does_not_have_is_refused(house: Practice, before: Status, deed: Deed) -> None:
    house.rolling(before)
    kept = house.sequence
    with pytest.raises(TransitionError, match=f"rollout {ROLLOUT} is {before.value} and cannot take"):
        deed(house.store, OPERATOR, ROLLOUT, "x")
    assert house.sequence == kept


def test_a_pause_and_an_abort_say_why_at_once(house: Practice) -> None:
    house.rolling()
    paused = rollouts.pause(house.store, OPERATOR, ROLLOUT, "odd latency")
    assert paused.hold is not None
    assert (paused.hold.reason, paused.hold.detail, paused.hold.asks) == (Reason.PAUSED, "odd latency", True)
    stopped = rollouts.abort(house.store, OPERATOR, ROLLOUT, "not today")
    assert stopped.hold is not None
    assert (stopped.hold.reason, stopped.over_at is not None) == (Reason.ABORTED, True)
    assert house.last().endswith("what runs now stays as it is")


def test_a_resume_leaves_neither_cause_nor_hold(house: Practice) -> None:
    house.rolling()
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "odd")
    resumed = rollouts.resume(house.store, OPERATOR, ROLLOUT)
    assert (resumed.cause, resumed.hold) == ("", None)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_wish_needs_a_reason_of_bounded_length(house: Practice, reason: str) -> None:
    house.rolling()
    kept = house.sequence
    with pytest.raises(RefusedError):
        rollouts.pause(house.store, OPERATOR, ROLLOUT, reason)
    assert house.sequence == kept


@pytest.mark.parametrize("caller", [VIEWER, CI, APPROVER])
def test_only_an_operator_steers(house: Practice, caller: Caller) -> None:
    house.rolling()
    kept = house.sequence
    for deed in (rollouts.pause, rollouts.abort, rollouts.revert):
        with pytest.raises(ForbiddenError, match="takes the role operator"):
            deed(house.store, caller, ROLLOUT, "x")
    assert house.sequence == kept


def test_an_unknown_rollout_is_named(house: Practice) -> None:
    with pytest.raises(UnknownError, match=r"there is no rollout nix; see: wavetrain rollout list"):
        rollouts.pause(house.store, OPERATOR, "nix", "x")


def test_consent_is_kept_once_with_who_gave_it(house: Practice) -> None:
    house.rolling()
    made = rollouts.approve(house.store, APPROVER, ROLLOUT, Consent.GENERAL)
    assert [(given.kind, given.by) for given in made.approvals] == [("general", "anna")]
    kept = house.sequence
    assert rollouts.approve(house.store, APPROVER, ROLLOUT, Consent.GENERAL) == made
    assert house.sequence == kept
    both = rollouts.approve(house.store, APPROVER, ROLLOUT, Consent.INCONCLUSIVE)
    assert [given.kind for given in both.approvals] == ["general", "inconclusive"]


def test_nobody_approves_their_own_request(house: Practice) -> None:
    house.rolling()
    kept = house.sequence
    with pytest.raises(ForbiddenError, match="nobody approves their own request; let another approver do it"):
        rollouts.approve(house.store, Caller("ci", (Role.CI, Role.APPROVER)), ROLLOUT, Consent.GENERAL)
    with pytest.raises(ForbiddenError, match="takes the role approver"):
        rollouts.approve(house.store, OPERATOR, ROLLOUT, Consent.GENERAL)
    assert house.sequence == kept


def test_what_is_over_needs_no_approval(house: Practice) -> None:
    house.rolling(Status.COMPLETED)
    with pytest.raises(TransitionError, match="nothing left to approve"):
        rollouts.approve(house.store, APPROVER, ROLLOUT, Consent.GENERAL)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.ROLLING, Status.REVERTING),
        (Status.PLANNED, Status.REVERTING),
        (Status.REVERTING, Status.REVERTING),
        (Status.COMPLETED, Status.COMPLETED),
    ],
)
def test_a_withdrawn_release_goes_back_where_it_is_under_way(
    house: Practice, before: Status, after: Status
) -> None:
    house.rolling(before)
    withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "it leaks")
    kept = house.sequence
    withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "again")
    with house.store.read() as view:
        rollout = view.get(Rollout, ROLLOUT)
    assert rollout is not None
    assert rollout.status is after
    assert house.sequence == kept


def test_only_an_approver_withdraws_what_exists(house: Practice) -> None:
    house.rolling()
    kept = house.sequence
    with pytest.raises(ForbiddenError):
        withdraw.withdraw(house.store, OPERATOR, "gateway@2.0.0", "x")
    with pytest.raises(UnknownError):
        withdraw.withdraw(house.store, APPROVER, "gateway@9", "x")
    assert house.sequence == kept


def test_what_was_paused_before_its_departure_is_resumed_to_where_it_stood(house: Practice) -> None:
    house.rolling(Status.ANNOUNCED)
    with house.store.write() as transaction:
        wave = transaction.get(Wave, ROLLOUT, "0")
        assert wave is not None
        transaction.put(wave.changed(status=WaveStatus.PENDING))
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "odd")
    assert rollouts.resume(house.store, OPERATOR, ROLLOUT).status is Status.PLANNED
    assert house.last() == "paused -> planned: resumed"


def test_a_refusal_names_the_rollout_and_what_it_still_takes(house: Practice) -> None:
    house.rolling(Status.REVERTED)
    with pytest.raises(TransitionError) as over:
        rollouts.pause(house.store, OPERATOR, ROLLOUT, "x")
    text = f"rollout {ROLLOUT} is reverted and cannot take `pause`; it is over; submit a new release"
    assert str(over.value) == text
