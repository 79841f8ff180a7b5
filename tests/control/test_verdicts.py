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


def _named(house: Practice, names: list[str]) -> VerdictSeen:
    """A verdict whose picture has a line for each name."""
    seen = judged(house, failed=20, bins=30)
    track = msgspec.structs.replace(
        seen.track,
        checks=tuple(names),
        by_check=tuple(tuple(value - place for value in seen.track.log_e) for place in range(len(names))),
    )
    checks = tuple(msgspec.structs.replace(seen.checks[0], name=name) for name in names)
    return msgspec.structs.replace(seen, track=track, checks=checks)


@pytest.mark.parametrize("sheet", [evidence_picture.WIDE, evidence_picture.NARROW])
@pytest.mark.parametrize("count", [1, 6, 7, 40])
def test_every_label_of_a_picture_is_on_the_sheet_and_none_upon_another(
    house: Practice, sheet: evidence_picture.Sheet, count: int
) -> None:
    seen = _named(house, [f"a check with quite a long name {number}" for number in range(count)])
    if count == 40:
        seen = msgspec.structs.replace(seen, rollout="gateway-" + "component-" * 12)
    drawn = ElementTree.fromstring(evidence_picture.picture(seen, sheet))
    height = float(drawn.attrib["viewBox"].split()[3])
    boxes = []
    for text in drawn.iter(f"{SVG}text"):
        said, x, y = text.text or "", float(text.attrib["x"]), float(text.attrib["y"])
        size = float(text.attrib.get("font-size", 12))
        wide = len(said) * size * 0.6
        left = {"end": x - wide, "middle": x - wide / 2}.get(text.attrib.get("text-anchor", ""), x)
        boxes.append((said, left, left + wide, y - size * 0.75, y + size * 0.2))
    for said, left, right, top, bottom in boxes:
        assert left >= 0, said
        assert right <= sheet.width + 1, said
        assert top >= 0, said
        assert bottom <= height, said
    for place, (said, left, right, top, bottom) in enumerate(boxes):
        for other, *box in boxes[:place]:
            apart = left >= box[1] or right <= box[0] or top >= box[3] or bottom <= box[2]
            assert apart, f"{said} lies upon {other}"
    if count > len(evidence_picture.COLOURS):
        assert any(f"{count - 6} more, at most" in said for said, *_ in boxes)


def test_times_of_a_short_picture_differ_from_tick_to_tick(house: Practice) -> None:
    seen = judged(house, failed=20, bins=4)
    at = tuple(START.replace(microsecond=100_000 * n) for n in range(4))
    short = msgspec.structs.replace(seen, track=msgspec.structs.replace(seen.track, at=at))
    texts = [text.text for text in ElementTree.fromstring(evidence_picture.picture(short)).iter(f"{SVG}text")]
    stamps = [text for text in texts if text and text.count(":") == 2]
    assert stamps
    assert len(set(stamps)) == len(stamps)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_words_stand_out_from_the_paper_as_wcag_aa_asks_in_the_light_and_in_the_dark() -> None:
    look = evidence_picture
    for colour in (look.INK, look.FAINT, look.BAD, look.REST, *look.COLOURS):
        assert _contrast(colour, look.PAPER) >= 4.5, colour
    paper = look.DARK["paper"]
    for name, colour in look.DARK.items():
        assert name in ("paper", "grid") or _contrast(colour, paper) >= 4.5, name
    assert len(look.COLOURS) == sum(name[1:].isdigit() for name in look.DARK)


def test_a_page_says_each_figure_beside_its_name_and_shows_a_gauge_as_levels(house: Practice) -> None:
    seen = judged(house, failed=20, bins=30)
    (check,) = seen.checks
    gauge = msgspec.structs.replace(
        check, name="cpu", kind="gauge", new_rate=0.0168, control_rate=0.0146, shift_low=None, shift_high=0.01
    )
    page = verdict_page.page(msgspec.structs.replace(seen, checks=(check, gauge)))
    assert page.count("<svg") == 2
    for head in verdict_page.HEADS:
        assert page.count(f'data-head="{head}"') == 2
    assert verdict_page.cells(gauge)[4:8] == ("0.0168", "0.0146", f"{check.ratio:.2f}", "any to 0.01")
    silent = msgspec.structs.replace(check, new_events=0.0, control_events=0.0)
    assert verdict_page.cells(silent)[6] == "-", "of nothing there is no ratio"
