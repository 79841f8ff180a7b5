"""The verdict on a rollout, as it is shown with all its parts, and the picture of its evidence."""

from math import log
from xml.etree import ElementTree

import msgspec
import pytest
from tests.control.practice import ROLLOUT, START, VIEWER, Practice
from tests.decide.engine import measured
from tests.decide.test_comparison import fed, kept

from wavetrain.control import verdicts
from wavetrain.control.verdicts import VerdictSeen
from wavetrain.decide.evidence_track import EvidenceTrack, noted
from wavetrain.decide.running_test import RunningTest
from wavetrain.doors import evidence_picture, verdict_page
from wavetrain.errors import UnknownError
from wavetrain.model.policy import PolicyText
from wavetrain.model.rollout import Rollout

SVG = "{http://www.w3.org/2000/svg}"


def judged(house: Practice, *, failed: float, bins: int) -> VerdictSeen:
    """The verdict on a rollout whose evidence was written down after so many bins."""
    house.rolling()
    test = RunningTest(ROLLOUT, measured())
    known = kept().calibration("a")
    assert known is not None
    test.calibrate(known.changed(rollout=ROLLOUT))
    track = EvidenceTrack(rollout=ROLLOUT, metrics=("failures",))
    for second in range(bins):
        fed(test, failed=failed, bins=1)
        track = noted(track, START.timestamp() + 10.0 * second, test.record.log_e, test.log_es)
    with house.store.write() as transaction:
        stored = transaction.get(Rollout, ROLLOUT)
        assert stored is not None
        transaction.put(PolicyText(digest="d", lane="pop", policy=measured(), by="anna"))
        transaction.put(stored.changed(policy="d"))
        for record in (test.record, test.pops["a"], known.changed(rollout=ROLLOUT), track):
            transaction.put(record.changed(version=0))
    return verdicts.verdict(house.store, VIEWER, ROLLOUT)


def test_a_bad_release_is_shown_with_its_figures(house: Practice) -> None:
    seen = judged(house, failed=20, bins=30)
    (check,) = seen.checks
    assert (seen.verdict, seen.rollout, seen.pops_live) == ("fail", ROLLOUT, 1)
    assert seen.log_e >= seen.log_threshold == pytest.approx(log(1 / seen.alpha))
    assert (check.new_events, check.control_events) == (600, 180)
    assert check.ratio == pytest.approx(10, rel=0.05)
    assert check.ratio_low is not None
    assert check.ratio_high is not None
    assert 1 < check.ratio_low < 10 < check.ratio_high
    assert check.e_alone == pytest.approx(1 / seen.alpha)
    assert check.compared_s == 300
    assert check.limit_s is not None
    assert check.to_limit == pytest.approx(300 / check.limit_s)
    assert [held.pop for held in check.strata] == ["a"]
    assert len(seen.track.at) == len(seen.track.log_e) == 30
    assert seen.track.log_e[-1] == pytest.approx(seen.log_e, rel=1e-5)


def test_a_sound_release_is_undecided_and_no_limit_is_told_of_it(house: Practice) -> None:
    seen = judged(house, failed=2, bins=30)
    (check,) = seen.checks
    assert (seen.verdict, check.limit_s, check.to_limit) == ("inconclusive", None, None)
    assert check.ratio_low is not None
    assert check.ratio_high is not None
    assert check.ratio_low < 1 < check.ratio_high


def test_a_rollout_without_evidence_says_so_and_one_that_is_not_there_is_refused(house: Practice) -> None:
    with pytest.raises(UnknownError, match="no rollout"):
        verdicts.verdict(house.store, VIEWER, "nothing-1")


def test_the_picture_shows_every_line_the_threshold_and_the_verdict(house: Practice) -> None:
    seen = judged(house, failed=20, bins=30)
    drawn = ElementTree.fromstring(evidence_picture.picture(seen))
    lines = drawn.findall(f"{SVG}polyline")
    assert len(lines) == 2  # the check's, and all together
    texts = " ".join(text.text or "" for text in drawn.iter(f"{SVG}text"))
    assert "goes back at e = 1,000" in texts
    assert "failures" in texts
    assert "fail" in (drawn.findtext(f"{SVG}title") or "")
    ys = [float(point.split(",")[1]) for point in lines[-1].attrib["points"].split()]
    assert ys[-1] < ys[0], "evidence that grows is drawn higher"
    page = verdict_page.page(seen)
    assert "<svg" in page
    assert "failures" in page
    assert "<script" not in page


def test_a_picture_of_nothing_says_that_nothing_was_compared(house: Practice) -> None:
    seen = judged(house, failed=20, bins=2)
    empty = msgspec.structs.replace(
        seen, track=verdicts.TrackSeen(checks=(), at=(), log_e=(), by_check=()), checks=()
    )
    assert "Nothing has been compared yet" in evidence_picture.picture(empty)
