"""A release enters with its bytes, once, or not at all."""

import hashlib

import pytest
from tests.control.practice import APPROVER, BYTES, CI, DIGEST, VIEWER, Practice

from wavetrain.control import submit, withdraw
from wavetrain.errors import ForbiddenError, RefusedError
from wavetrain.model.release import Release, Stage, Tombstone

OTHER = "0" * 64


def test_a_release_enters_as_a_candidate_and_the_journal_says_so(house: Practice) -> None:
    made = submit.submit(house.store, house.artifacts, CI, house.candidate())
    assert (made.is_new, made.release.stage, made.release.submitted_by) == (True, Stage.CANDIDATE, "ci")
    assert house.last() == "release gateway@2.0.0 enters as a candidate; gates: build passed, tests passed"


def test_the_same_bytes_again_change_nothing(house: Practice) -> None:
    house.submitted()
    before = house.sequence
    assert not submit.submit(house.store, house.artifacts, CI, house.candidate()).is_new
    assert house.sequence == before


def test_the_same_bytes_may_bring_further_gates(house: Practice) -> None:
    submit.submit(house.store, house.artifacts, CI, house.candidate(gates={"build": True}))
    made = submit.submit(house.store, house.artifacts, CI, house.candidate(gates={"tests": True}))
    assert (made.is_new, made.release.gates) == (False, {"build": True, "tests": True})


def test_failed_gates_do_not_keep_a_candidate_out(house: Practice) -> None:
    assert submit.submit(house.store, house.artifacts, CI, house.candidate(gates={"build": False})).is_new


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"digest": OTHER}, f"no bytes are kept under digest {OTHER}; upload the artifact first"),
        ({"size": 3}, "are 13 long and not 3; correct the size"),
        ({"digest": "xyz"}, "its digest is not a SHA-256"),
        ({"lane": "bus"}, "there is no lane bus; give one of"),
        ({"lane": "content"}, "lane content has no policy; apply one first"),
        ({"component": "Gate Way"}, "its component is not a name"),
        ({"number": "2/0"}, "its number is not a version"),
        ({"fixes": "1.8.0"}, "it says that it fixes 1.8.0, which gateway does not have"),
        ({"size": 0}, "its size 0 is not from 1"),
    ],
)
def test_a_rule_that_is_broken_is_named_and_nothing_is_written(
    house: Practice, fields: dict[str, object], said: str
) -> None:
    before = house.sequence
    with pytest.raises(RefusedError) as caught:
        submit.submit(house.store, house.artifacts, CI, house.candidate(**fields))
    assert said in str(caught.value)
    assert house.sequence == before


def test_a_number_is_used_for_other_bytes_never(house: Practice) -> None:
    house.submitted()
    before = house.sequence
    other = b"other bytes"
    digest = hashlib.sha256(other).hexdigest()
    submit.keep(house.artifacts, CI, digest, [other])
    with pytest.raises(RefusedError, match="was used before for other bytes"):
        submit.submit(house.store, house.artifacts, CI, house.candidate(digest=digest, size=len(other)))
    assert house.sequence == before


def test_a_withdrawn_number_does_not_come_back(house: Practice) -> None:
    house.submitted()
    withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "it leaks")
    with pytest.raises(RefusedError, match="never offered again; submit a newer number"):
        submit.submit(house.store, house.artifacts, CI, house.candidate())
    with house.store.read() as view:
        release = view.get(Release, "gateway@2.0.0")
        assert release is not None
        assert release.stage is Stage.WITHDRAWN
        assert view.get(Tombstone, "gateway@2.0.0") is not None


def test_only_ci_submits(house: Practice) -> None:
    candidate, before = house.candidate(), house.sequence
    with pytest.raises(
        ForbiddenError, match=r"vic \(viewer\) may not submit releases; that takes the role ci"
    ):
        submit.submit(house.store, house.artifacts, VIEWER, candidate)
    with pytest.raises(ForbiddenError):
        submit.keep(house.artifacts, VIEWER, DIGEST, [BYTES])
    assert house.sequence == before


def test_bytes_that_do_not_match_their_digest_are_not_kept(house: Practice) -> None:
    with pytest.raises(RefusedError):
        submit.keep(house.artifacts, CI, OTHER, [BYTES])
    with pytest.raises(RefusedError, match="not a SHA-256"):
        submit.keep(house.artifacts, CI, "../../etc/passwd", [BYTES])
    assert house.artifacts.path(OTHER) is None
