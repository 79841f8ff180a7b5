"""A program that evaluates features itself: what the door says, at once, and with the control plane away."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from tests.control.practice import Practice
from tests.doors.feature_desk import NOW, FeatureDesk
from tests.doors.features_at_hand import VALUES, desk, feature, killed
from tests.doors.served import Served, served

from wavetrain.control.audience import Audience
from wavetrain.control.standings import Standings
from wavetrain.decide import cohort
from wavetrain.decide.activation import Sheet
from wavetrain.errors import RefusedError
from wavetrain.evaluator.evaluator import Evaluator
from wavetrain.evaluator.local import Local
from wavetrain.evaluator.provider import WavetrainProvider
from wavetrain.model.feature import WHOLE_PPM, Early, Kind, Ramp, Step
from wavetrain.wire.snapshot_messages import SnapshotSent, sent, sheet_of

WAIT_S = 10.0


class Rig:
    """Open doors, the desk behind them, and evaluators that end with the test."""

    def __init__(self, doors: Served, features: FeatureDesk, audience: Audience, folder: Path) -> None:
        self.doors, self.desk, self.audience, self.folder = doors, features, audience, folder
        self.made: list[Evaluator] = []
        (folder / "believed.pem").write_text(doors.authority.chain())

    def evaluator(self, url: str = "", **more: Any) -> Evaluator:
        made = Evaluator(
            url or self.doors.url,
            self.doors.secrets["pages"],
            ca_file=str(self.folder / "believed.pem"),
            **more,
        )
        self.made.append(made)
        return made

    def listening(self, **more: Any) -> Evaluator:
        made = self.evaluator(**more)
        assert made.start(WAIT_S)
        assert until(lambda: made.listens)
        return made


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    features = desk()
    audience = Audience(cast(Standings, features))
    with served(Practice(tmp_path), tmp_path, snapshot=features, audience=audience) as doors:
        made = Rig(doors, features, audience, tmp_path)
        yield made
        for one in made.made:
            one.close()


def until(holds: Callable[[], Any]) -> bool:
    """Whether it comes to hold in time."""
    step = threading.Event()
    return any(holds() or step.wait(0.01) for _ in range(int(WAIT_S / 0.01)))


def test_it_says_what_the_door_says(rig: Rig) -> None:
    made = rig.listening(accounts=["acme"])
    with rig.doors.to("pages") as client:
        for account in ("acme", "globex", "unheard-of"):
            answer = client.post(
                "/ofrep/v1/evaluate/flags", json={"context": {"targetingKey": account}}
            ).json()
            local = made.all(account)
            assert len(local) == len(answer["flags"])
            for one in answer["flags"]:
                mine = made.evaluate(one["key"], account, None)
                assert mine == local[one["key"]]
                assert (mine.value, mine.variant, mine.reason, mine.why, mine.error_code, mine.age_s) == (
                    one["value"],
                    one["variant"],
                    one["reason"],
                    one["metadata"]["why"],
                    "",
                    0.0,
                )


def test_a_change_is_there_at_once_and_the_control_plane_knows_it(rig: Rig) -> None:
    heard = threading.Event()
    made = rig.listening(accounts=["acme"], changed=heard.set)
    assert made.evaluate("switch", "acme", False).value is True
    heard.clear()
    version = rig.desk.put(killed("switch"))
    assert heard.wait(WAIT_S)
    assert made.evaluate("switch", "acme", True).reason == "DISABLED"
    assert until(lambda: not rig.audience.behind(version))


def test_a_jump_of_train_time_is_there_at_once(rig: Rig) -> None:
    steps = (Step(0.0, 0), Step(24.0, WHOLE_PPM))
    rig.desk.put(feature("tomorrow", ramp=Ramp(begins=NOW, steps=steps)))
    made = rig.listening(accounts=["acme"])
    assert made.evaluate("tomorrow", "acme", None).value is False
    rig.desk.jump(timedelta(days=2))
    assert until(lambda: made.evaluate("tomorrow", "acme", None).value is True)


def test_with_the_control_plane_away_it_goes_on_and_says_how_old_it_is(tmp_path: Path) -> None:
    features, file = desk(), tmp_path / "features.json"
    with served(Practice(tmp_path), tmp_path, snapshot=features) as doors:
        rig = Rig(doors, features, Audience(cast(Standings, features)), tmp_path)
        made = rig.listening(accounts=["acme"], file=file)
    assert until(lambda: not made.listens)
    after = made.evaluate("text", "acme", "none")
    assert (after.value, after.error_code) == ("tiles", "")
    assert after.age_s is not None
    before = after.age_s
    assert until(lambda: (made.age_s or 0) > before)
    made.close()
    # Another run of the program, which finds nobody.
    again = rig.evaluator(accounts=["acme"], file=file)
    assert again.start()
    kept = again.evaluate("text", "acme", "none")
    assert (kept.value, kept.error_code) == ("tiles", "")
    assert kept.age_s is not None
    assert kept.age_s > 0
    again.close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"at": 1, "snapshot": {}}', b"\xff" * 99])
def test_a_kept_file_that_is_spoiled_is_as_good_as_none(rig: Rig, content: bytes) -> None:
    file = rig.folder / "features.json"
    file.write_bytes(content)
    made = rig.evaluator("https://127.0.0.1:1", file=file)
    assert not made.start()
    assert made.evaluate("switch", "acme", True).error_code == "PROVIDER_NOT_READY"


def test_nothing_is_ever_raised_into_the_program(rig: Rig) -> None:
    away = rig.evaluator("https://127.0.0.1:1", file=rig.folder / "no such folder" / "file")
    assert not away.start()
    none = away.evaluate("switch", "acme", True)
    assert (none.value, none.error_code, none.age_s) == (True, "PROVIDER_NOT_READY", None)
    assert away.all("acme") == {}
    made = rig.listening()
    wrong: Any
    for wrong in (None, 7, "", [], {}):
        assert made.evaluate("switch", wrong, "x").error_code == "TARGETING_KEY_MISSING"
    for wrong in (None, 7, [], {}):
        said = made.evaluate(wrong, "acme", "x")
        assert (said.value, said.error_code in ("GENERAL", "FLAG_NOT_FOUND")) == ("x", True)
    assert made.evaluate("unknown", "acme", 7).error_code == "FLAG_NOT_FOUND"
    with pytest.raises(RefusedError, match="https://HOST:PORT"):
        Evaluator("http://x", "t")


def test_a_token_that_is_not_good_leaves_the_program_with_its_defaults(rig: Rig) -> None:
    rig.doors.secrets["pages"] = "wt_nix"
    made = rig.evaluator()
    assert not made.start(0.2)
    assert made.evaluate("switch", "acme", "mine").value == "mine"


def test_ramps_grow_by_the_programs_own_clock() -> None:
    gone = 0.0
    key = cohort.unit_key("acme")
    place = next(share for share in range(100) if cohort.bucket(key, "feature/slow") < (share + 1) * 10_000)
    assert place < 99
    slow = feature("slow").changed(
        ramp=Ramp(begins=NOW, steps=(Step(0, 0), Step(1, (place + 1) * 10_000), Step(2, 1_000_000)))
    )
    soon = feature("soon", 0, early=Early(since=NOW + timedelta(minutes=5)))
    sheet = Sheet({one.id: one for one in (slow, soon)}, NOW)
    whole = sent(sheet, desk().stranger("acme"))
    told = SnapshotSent(version=1, now=NOW, features=sheet.features, stranger=whole, accounts={})
    local = Local(told, lambda: gone)
    assert [one.is_on for one in local.answers("acme")] == [False, False]
    gone = 3_599.0
    assert [one.is_on for one in local.answers("acme")] == [False, False]
    gone = 3_600.0
    assert [one.is_on for one in local.answers("acme")] == [True, False]
    with pytest.raises(RefusedError, match="twice"):
        sheet_of(SnapshotSent(version=1, now=NOW, features=(slow, slow), stranger=whole, accounts={}), NOW)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"accounts": "acme"}', 400),
        (b'{"accounts": [""]}', 400),
        (b'{"more": 1}', 400),
        (b'{"accounts": [%s"a"]}' % (b'"a",' * 10_000), 400),
        (b'{"accounts": ["%s"]}' % (b"a" * 5_000_000), 400),
        (b"{}", 200),
    ],
    ids=range(8),
)
def test_a_bad_request_for_a_snapshot_is_refused(rig: Rig, body: bytes, status: int) -> None:
    with rig.doors.to("pages") as client:
        answer = client.post("/ofrep/v1/snapshot", content=body)
    assert answer.status_code == status
    assert (status == 200) or answer.json()["errorDetails"]


def test_openfeatures_sdk_asks_it(rig: Rig) -> None:
    made = rig.evaluator(accounts=["acme"])
    api.set_provider(WavetrainProvider(made))
    try:
        client, acme = api.get_client(), EvaluationContext("acme")
        assert until(lambda: made.listens)
        assert client.get_string_value("text", "none", acme) == VALUES[Kind.TEXT][0]
        assert client.get_integer_value("whole", -1, acme) == 3
        assert client.get_float_value("number", -1.0, acme) == 2.0
        assert client.get_object_value("object", {}, acme) == VALUES[Kind.OBJECT][0]
        said = client.get_boolean_details("killed", True, acme)
        assert (said.value, said.reason, said.variant) == (False, "DISABLED", "plain")
        assert client.get_boolean_details("text", True, acme).error_code == "TYPE_MISMATCH"
        assert client.get_integer_value("switch", -1, acme) == -1
        assert client.get_boolean_details("unknown", True, acme).error_code == "FLAG_NOT_FOUND"
        assert client.get_boolean_details("switch", True).error_code == "TARGETING_KEY_MISSING"
    finally:
        api.clear_providers()
