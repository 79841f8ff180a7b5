"""A disk that is full stops an update before it disturbs anybody, is said, and is over when there is room again."""

import hashlib
import threading
from pathlib import Path

import msgspec
import pytest
from tests.agent.fakes import House, told
from tests.agent.full_disk import full_disk
from tests.agent.waiting import until

from wavetrain.agent.fetch import fetch
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Phase

CONTENT = b"x" * 100_000


def test_what_cannot_be_written_has_not_happened_and_the_file_stays_whole(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.change(lambda _: Memory(running="1.0.0"))
    with full_disk():
        with pytest.raises(UnreachableError, match=r"cannot write .*agent.json: .*; free some space"):
            keeper.change(lambda memory: msgspec.structs.replace(memory, running="2.0.0"))
        assert keeper.memory.running == "1.0.0"
        keeper.complain("the disk is full")
        assert keeper.memory.trouble == "the disk is full"
    keeper.close()
    again = Keeper(tmp_path)
    assert again.memory == Memory(running="1.0.0")
    again.close()


def test_an_artifact_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    with full_disk(room=10_000), pytest.raises(OSError, match=r"too large|No space"):
        fetch(iter([CONTENT]), tmp_path / "bytes", digest, len(CONTENT))
    assert list(tmp_path.iterdir()) == []
    fetch(iter([CONTENT]), tmp_path / "bytes", digest, len(CONTENT))


def test_an_update_waits_undisturbed_for_room_and_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.hear(told(5, "2.0.0"))
    working = threading.Thread(target=house.worker.run)
    with full_disk():
        working.start()
        until(lambda: "free some space" in house.keeper.memory.trouble)
        assert house.keeper.memory.update is None
        assert house.traffic.acts == []
    until(lambda: house.keeper.memory.running == "2.0.0" and house.keeper.memory.phase is Phase.STEADY)
    house.pace.end()
    house.keeper.wake()
    working.join(10)
    assert not working.is_alive()
