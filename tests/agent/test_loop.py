"""What a node has to say gets through, also to a control plane that does not know all of it yet."""

from pathlib import Path
from typing import Any

from tests.agent.fakes import VirtualPace

from wavetrain.agent.loop import MUTE_S, Loop
from wavetrain.agent.memory import Keeper
from wavetrain.agent.ports import NotUnderstoodError
from wavetrain.agent.reconnects import Reconnects
from wavetrain.agent.visits import Visits
from wavetrain.model.fleet import Generation
from wavetrain.wire.agent_messages import Poll, ReconnectSaid, Told


class Older:
    """A control plane from before sessions' reports, until it is updated."""

    def __init__(self) -> None:
        self.heard: list[Poll] = []
        self.is_updated = False

    def poll(self, poll: Poll) -> Told:
        if poll.reconnects and not self.is_updated:
            raise NotUnderstoodError("the control plane refused the report with 422: there is no reconnects")
        self.heard.append(poll)
        return Told(generation=Generation(0, 0), release="")


class Came(Reconnects):
    """A page with one reconnect."""

    def __init__(self) -> None:
        super().__init__("")
        self.waiting = 1

    def news(self, clock: float) -> tuple[ReconnectSaid, ...]:
        one = ReconnectSaid(
            n=0, program="p", session="s", account="a", lost_ms=0, reason="update", ago_s=clock
        )
        return (one,) * self.waiting

    def heard(self, said: tuple[ReconnectSaid, ...]) -> None:
        self.waiting -= len(said)


class Enrolled:
    def tend(self) -> None:
        """It is."""

    def hint(self) -> str:
        return ""


def test_a_report_gets_through_without_what_an_older_control_plane_does_not_know(tmp_path: Path) -> None:
    older, came, pace, log = Older(), Came(), VirtualPace(), []
    fields: Any = {"node": "n1", "metrics": "", "boot": "b", "wait_s": 0.0, "backoff_max_s": 1.0}
    loop = Loop(
        Keeper(tmp_path),
        older,  # type: ignore[arg-type]
        Visits(""),
        came,
        Enrolled(),  # type: ignore[arg-type]
        lambda: None,  # type: ignore[arg-type, return-value]
        pace,
        lambda event, **_: log.append(event),
        clock=lambda: 1_000.0,
        **fields,
    )
    loop.turn()
    assert (older.heard, log) == ([], ["away"])
    loop.turn()
    assert [poll.reconnects for poll in older.heard] == [()]
    assert log == ["away", "back"]
    assert came.waiting == 1, "it is told later"
    older.is_updated = True
    loop.turn()
    assert came.waiting == 1, "not at each turn"
    pace.wait(MUTE_S)
    loop.turn()
    assert len(older.heard[-1].reconnects) == 1
    assert came.waiting == 0
