"""What the agent remembers over its own end."""

import threading
from pathlib import Path

import msgspec
import pytest
from tests.agent.fakes import BOOT, told

from wavetrain.agent.accept import Instant, accept, begun
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.errors import LockedError, RefusedError
from wavetrain.model.fleet import Phase
from wavetrain.simulate.nodes import TRUSTING
from wavetrain.wire.agent_messages import Bans

BANS = Bans(component="gateway", serial=3, floor="0.8", tombstones=("0.9",), signature="s")


def test_everything_comes_back_as_it_was_written(tmp_path: Path) -> None:
    memory = begun(accept(Memory(running="1.0.0"), told(5, "2.0.0"), Instant(1.5, BOOT), TRUSTING))
    memory = msgspec.structs.replace(memory, phase=Phase.DRAINING, bans=(BANS,), trouble="t", refused="r")
    keeper = Keeper(tmp_path)
    keeper.change(lambda _: memory)
    keeper.close()
    again = Keeper(tmp_path)
    assert again.memory == memory
    again.close()


def test_a_second_agent_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    with pytest.raises(LockedError, match=str(tmp_path)):
        Keeper(tmp_path)
    keeper.close()
    Keeper(tmp_path).close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"running": 5}', b'{"unknown": 1}'])
def test_a_file_that_cannot_be_read_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "agent.json").write_bytes(content)
    with pytest.raises(RefusedError, match="move it away"):
        Keeper(tmp_path)


def test_a_change_is_in_the_file_before_anybody_waits_no_longer(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    seen: list[bytes] = []

    def waits() -> None:
        keeper.wait(0, 10)
        seen.append((tmp_path / "agent.json").read_bytes())

    waiting = threading.Thread(target=waits)
    waiting.start()
    keeper.change(lambda memory: msgspec.structs.replace(memory, running="1.0.0"))
    waiting.join(10)
    assert b'"running":"1.0.0"' in seen[0]
    keeper.close()


def test_a_change_that_changes_nothing_is_no_news(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.change(lambda memory: memory)
    assert keeper.revision == 0
    assert not (tmp_path / "agent.json").exists()
    keeper.close()
