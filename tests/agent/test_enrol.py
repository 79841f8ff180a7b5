"""How a node comes by its certificate, and by the next one."""

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.servers import FakeControlPlane, public

from wavetrain.agent.control_plane import ControlPlane
from wavetrain.agent.enrol import RETRY_MAX_S, Enrolment
from wavetrain.agent.identity import Identity
from wavetrain.errors import UnreachableError
from wavetrain.wire.agent_messages import JoinAsked, Joined, RenewAsked

KEY = Ed25519PrivateKey.generate()
HOUR_S = 3600.0


class Rig:
    """A node before a control plane, with clocks of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fake = FakeControlPlane(KEY, folder / "control")
        self.url = self.fake.up()
        self.join_file = folder / "join"
        self.now = datetime.now(UTC).timestamp()
        self.steady = 1000.0
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.begin()

    def begin(self) -> None:
        """As a process does."""
        self.identity = Identity("n1", self.folder / "state", str(self.fake.door.ca_file))
        self.door = ControlPlane(self.url, self.identity)
        self.enrolment = Enrolment(
            "n1",
            self.identity,
            self.door,
            str(self.join_file),
            lambda event, **facts: self.log.append((event, facts)),
            lambda: self.now,
            lambda: self.steady,
        )

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds

    def tend(self) -> list[str]:
        """Tend once; the events that this logged."""
        self.log.clear()
        self.enrolment.tend()
        return [event for event, _ in self.log]

    def serial(self) -> str:
        assert self.identity.kept is not None
        return self.identity.kept.serial


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.fake.down()


@pytest.fixture
def joined(rig: Rig) -> Rig:
    rig.join_file.write_text("first\n")
    assert rig.tend() == ["joined"]
    return rig


def test_a_node_joins_with_its_secret_once_and_the_file_is_emptied(joined: Rig) -> None:
    assert joined.join_file.read_text() == ""
    assert joined.tend() == []
    joined.begin()
    assert joined.tend() == []
    assert joined.fake.enrolled == ["join by nobody"]
    assert joined.identity.judge


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_without_a_secret_it_says_how_to_get_one_and_takes_one_that_comes_later(
    rig: Rig, text: str | None
) -> None:
    if text is not None:
        rig.join_file.write_text(text)
    with pytest.raises(
        UnreachableError, match=rf"run: wavetrain node join n1, and write it into {rig.join_file}"
    ):
        rig.tend()
    rig.join_file.write_text("first")
    assert rig.tend() == ["joined"]


def test_a_secret_that_does_not_count_is_asked_with_once_and_told_with_the_way_out(rig: Rig) -> None:
    rig.join_file.write_text("unknown")
    for _ in range(3):
        with pytest.raises(
            UnreachableError, match=r"used already.*answer to it was lost.*wavetrain node join n1"
        ):
            rig.tend()
    assert rig.fake.enrolled == ["join by nobody"]
    rig.join_file.write_text("first")
    assert rig.tend() == ["joined"]


def test_a_door_that_is_away_leaves_the_secret_for_the_next_try(rig: Rig) -> None:
    rig.join_file.write_text("first")
    rig.fake.down()
    with pytest.raises(UnreachableError, match="does not answer"):
        rig.tend()
    assert rig.join_file.read_text() == "first"
    rig.fake.up()
    assert rig.tend() == ["joined"]


def test_a_crash_before_the_file_was_emptied_does_not_show_the_secret_again(joined: Rig) -> None:
    joined.join_file.write_text("first\n")
    joined.begin()
    assert joined.tend() == []
    assert joined.join_file.read_text() == ""
    assert joined.fake.enrolled == ["join by nobody"]


def test_a_crash_at_any_write_leaves_a_node_that_joined_or_can_join_again(rig: Rig) -> None:
    """Whatever was written before the crash; the secret of the second try is a new one, where the first was used."""
    request = rig.identity.request()
    issued = rig.door.join(JoinAsked(secret="first", csr=request.csr))
    rig.identity.join(request, issued, "")
    state = rig.folder / "state"
    whole = {name: (state / name).read_bytes() for name in ("signing.pub", "authority.pem", "node.pem")}
    for count in range(len(whole)):
        for name in whole:
            (state / name).unlink(missing_ok=True)
        for name in list(whole)[:count]:
            (state / name).write_bytes(whole[name])
        rig.fake.secrets = {f"try-{count}"}
        rig.join_file.write_text(f"try-{count}")
        rig.begin()
        assert rig.tend() == ["joined"]


def test_a_used_secret_that_cannot_be_emptied_is_told_and_not_asked_with_again(rig: Rig) -> None:
    sealed = os.memfd_create("join", os.MFD_ALLOW_SEALING)
    os.write(sealed, b"first")
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
    rig.join_file.symlink_to(f"/proc/self/fd/{sealed}")
    assert rig.tend() == ["join file stays", "joined"]
    assert rig.tend() == []
    os.close(sealed)
    assert rig.fake.enrolled == ["join by nobody"]


def test_another_secret_makes_a_known_node_join_anew_without_a_restart(joined: Rig) -> None:
    before = joined.serial()
    joined.fake.secrets = {"second"}
    joined.join_file.write_text("second")
    assert joined.tend() == ["joined"]
    assert joined.serial() != before
    joined.join_file.write_text("wrong")
    assert joined.tend() == ["not joined"]
    assert joined.tend() == []
    assert joined.identity.kept is not None


def test_the_certificate_is_renewed_when_two_thirds_of_its_life_are_over(joined: Rig) -> None:
    before = joined.serial()
    joined.passes(15.7 * HOUR_S)
    assert joined.tend() == []
    joined.passes(2.4 * HOUR_S)
    assert joined.tend() == ["renewed"]
    assert joined.serial() != before
    assert joined.fake.enrolled == ["join by nobody", "renew by n1"]


def test_a_clock_that_was_set_back_does_not_put_the_renewal_off(joined: Rig) -> None:
    joined.tend()
    joined.steady += 18.1 * HOUR_S
    joined.now -= 48 * HOUR_S
    assert joined.tend() == ["renewed"]


def test_a_renewal_that_fails_is_tried_again_ever_more_seldom(joined: Rig) -> None:
    joined.fake.down()
    joined.passes(18.1 * HOUR_S)
    tries = 0
    for _ in range(int(HOUR_S)):
        tries += len(joined.tend())
        joined.passes(1.0)
    assert 12 < tries < 40
    joined.fake.up()
    joined.passes(RETRY_MAX_S)
    assert joined.tend() == ["renewed"]
    assert joined.enrolment.hint() == ""


def test_a_certificate_that_ended_is_told_once_and_the_report_is_tried_all_the_same(joined: Rig) -> None:
    joined.fake.down()
    joined.passes(25 * HOUR_S)
    assert joined.tend() == ["certificate ended", "not renewed"]
    assert joined.tend() == []
    assert "ended at" in joined.enrolment.hint()
    assert "wavetrain node join n1" in joined.enrolment.hint()


def test_another_signing_key_in_a_renewal_is_told_and_not_taken_over(joined: Rig) -> None:
    joined.fake._key = Ed25519PrivateKey.generate()
    joined.passes(18.1 * HOUR_S)
    assert joined.tend() == ["renewed", "other key"]
    assert (joined.folder / "state" / "signing.pub").read_text() == public(KEY) + "\n"


class Answering:
    """A control plane that answers with whatever it was given."""

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.asked = 0

    def join(self, _: JoinAsked) -> Joined:
        self.asked += 1
        return self.joined

    def renew(self, _: RenewAsked) -> Joined:
        return self.join(JoinAsked(secret="", csr=""))


def test_a_full_disk_does_not_use_the_secret_up(rig: Rig) -> None:
    rig.join_file.write_text("first")
    room = rig.folder / "state" / "room.new"
    room.mkdir()  # as good as no room: what has to be written cannot be
    with pytest.raises(UnreachableError, match="cannot write"):
        rig.tend()
    assert rig.fake.enrolled == []
    room.rmdir()
    assert rig.tend() == ["joined"]


def test_an_answer_of_garbage_is_told_and_the_old_certificate_stays(joined: Rig) -> None:
    kept = joined.identity.kept
    joined.enrolment._control_plane = Answering(Joined(certificate="x", authority="y", key="z"))  # type: ignore[assignment]
    joined.passes(18.1 * HOUR_S)
    assert joined.tend() == ["not renewed"]
    assert joined.identity.kept == kept
    assert msgspec.json.encode(joined.log)
