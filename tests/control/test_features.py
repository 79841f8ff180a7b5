"""Features are announced by file, and steered by persons; nobody loses one because of a schedule."""

from datetime import timedelta

import pytest
from tests.control.practice import OPERATOR, START, VIEWER, Practice

from wavetrain.control import enquire, features
from wavetrain.control.features import Added
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.feature import WHOLE_PPM, Feature, Step
from wavetrain.wire.feature_file import read_features

FILE = f"""
[[feature]]
key = "dark-mode"
summary = "Pages for the night"
owner = "console team"
early = {{ since = {START:%Y-%m-%dT%H:%M:%SZ} }}
ramp = {{ begins = {START + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ} }}

[[feature]]
key = "menu"
summary = "Menus as tiles"
owner = "console team"
needs = {{ features = ["dark-mode"] }}
"""


def read(house: Practice, text: str = FILE) -> tuple[Feature, ...]:
    return read_features(text, enquire.train_time(house.store))


@pytest.fixture
def announced(house: Practice) -> Practice:
    assert features.add(house.store, OPERATOR, read(house)) == Added(
        added=("dark-mode", "menu"), changed=(), same=()
    )
    return house


def test_the_same_file_again_changes_nothing_and_another_one_what_it_says(announced: Practice) -> None:
    before = announced.sequence
    announced.seconds += 3_600
    again = features.add(announced.store, OPERATOR, read(announced))
    assert again == Added(added=(), changed=(), same=("dark-mode", "menu"))
    assert announced.sequence == before
    other = FILE.replace("Menus as tiles", "Menus as a ring")
    assert features.add(announced.store, OPERATOR, read(announced, other)).changed == ("menu",)
    assert announced.last() == "changed: Menus as a ring"


def test_who_sees_what_and_how_far_it_is(announced: Practice) -> None:
    dark, menu = features.listed(announced.store, VIEWER)
    assert (dark.status, dark.share, menu.status, menu.whole_at) == ("early", 0.0, "announced", None)
    announced.seconds += 86_400 * 9
    seen = features.show(announced.store, VIEWER, "dark-mode")
    assert seen.status == "rolling out"
    assert seen.share == pytest.approx(8 / 14, abs=1e-6)
    assert seen.whole_at == START + timedelta(days=15)
    announced.seconds += 86_400 * 6
    assert features.show(announced.store, VIEWER, "dark-mode").status == "everywhere"
    with pytest.raises(UnknownError, match="there is no feature light-mode"):
        features.show(announced.store, VIEWER, "light-mode")
    with pytest.raises(ForbiddenError):
        features.off(announced.store, VIEWER, "dark-mode", "mine")
    with pytest.raises(ForbiddenError):
        features.add(announced.store, VIEWER, ())


def test_pause_resume_off_and_on_again(announced: Practice) -> None:
    announced.seconds += 86_400 * 9
    paused = features.pause(announced.store, OPERATOR, "dark-mode", "an alert")
    announced.seconds += 86_400 * 3
    seen = features.show(announced.store, VIEWER, "dark-mode")
    assert (seen.status, seen.share) == ("paused", paused.share)
    resumed = features.resume(announced.store, OPERATOR, "dark-mode", "it was the probe")
    assert (resumed.status, resumed.whole_at) == ("rolling out", START + timedelta(days=18))
    gone = features.off(announced.store, OPERATOR, "dark-mode", "it blinks")
    assert (gone.status, gone.share) == ("off", 0.0)
    with pytest.raises(RefusedError, match="switched off by"):
        features.off(announced.store, OPERATOR, "dark-mode", "still")
    announced.seconds += 86_400
    back = features.resume(announced.store, OPERATOR, "dark-mode", "mended")
    assert (back.status, back.share) == ("rolling out", paused.share)
    assert announced.last().startswith("on again")


def test_a_ramp_may_be_given_and_changed_but_takes_nothing_away(announced: Practice) -> None:
    given = features.schedule(
        announced.store, OPERATOR, "menu", None, (Step(0, 100_000), Step(24, WHOLE_PPM))
    )
    assert (given.status, given.share) == ("rolling out", 0.1)
    with pytest.raises(RefusedError, match="never goes down"):
        features.schedule(announced.store, OPERATOR, "menu", None, (Step(0, 10_000), Step(24, WHOLE_PPM)))
    with pytest.raises(RefusedError, match="it cannot be another one now"):
        features.schedule(announced.store, OPERATOR, "menu", START + timedelta(days=9), (Step(0, WHOLE_PPM),))
    with pytest.raises(RefusedError, match="would have begun already"):
        features.schedule(
            announced.store, OPERATOR, "dark-mode", START - timedelta(days=9), (Step(0, WHOLE_PPM),)
        )
    features.add(announced.store, OPERATOR, read(announced, FILE.replace("menu", "tiles")))
    with pytest.raises(RefusedError, match="has no ramp") as refused:
        features.pause(announced.store, OPERATOR, "tiles", "why")
    assert "wavetrain feature ramp tiles" in str(refused.value)


def test_a_file_says_of_a_ramp_under_way_what_is_true_or_is_refused_whole(announced: Practice) -> None:
    announced.seconds += 86_400 * 9
    features.pause(announced.store, OPERATOR, "dark-mode", "an alert")
    same = features.add(announced.store, OPERATOR, read(announced))
    assert same.same == ("dark-mode", "menu"), "its pause stays"
    later = FILE.replace(
        f"{START + timedelta(days=2):%Y-%m-%dT%H}", f"{START + timedelta(days=3):%Y-%m-%dT%H}"
    )
    before = announced.sequence
    with pytest.raises(RefusedError, match="the file must say so, too"):
        features.add(announced.store, OPERATOR, read(announced, later + MORE))
    assert announced.sequence == before, "nothing of it"


MORE = '\n[[feature]]\nkey = "more"\nsummary = "More"\nowner = "console team"\n'


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ('needs = { features = ["light"] }', "needs feature light, which is not there"),
        ('needs = { features = ["menu"] }', "wait for each other: "),
    ],
)
def test_a_prerequisite_that_is_missing_or_a_circle_is_refused(
    announced: Practice, needs: str, said: str
) -> None:
    text = FILE.replace("early = {", f"{needs}\nearly = {{", 1)
    with pytest.raises(RefusedError, match=said):
        features.add(announced.store, OPERATOR, read(announced, text))
