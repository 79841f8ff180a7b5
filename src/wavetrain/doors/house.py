"""House: what every door of one control plane shares."""

import time
from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request

from wavetrain.control.audience import Audience
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Artifacts, Authority, Pipelines, Store, Trust
from wavetrain.control.progress import Live
from wavetrain.control.standings import Standings
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.subscriptions import Ways
from wavetrain.doors.herald import Herald
from wavetrain.doors.limits import Limits
from wavetrain.doors.login_links import LINK_S, Link, Remembered
from wavetrain.doors.overlook import Overlook
from wavetrain.doors.statuspage import Page
from wavetrain.errors import UnreachableError

T = TypeVar("T")


class House(msgspec.Struct, frozen=True):
    """The ports behind the doors, and who wakes waiting nodes."""

    store: Store
    artifacts: Artifacts
    trust: Trust
    herald: Herald
    limits: Limits
    authority: Authority | None = None
    """Absent where only the operators' door is of interest."""
    evidence: Live | None = None
    """The running tests, fresher than the store has them."""
    standings: Standings | None = None
    """What accounts have, from memory; absent where nobody asks for features."""
    pipelines: Pipelines | None = None
    """Whose tokens count for CI beside our own; absent where none do."""
    links: Remembered[Link] = msgspec.field(default_factory=lambda: Remembered(LINK_S, time.monotonic))
    """At which addresses somebody is logged in once."""
    overlook: Overlook | None = None
    """What the console's pages read; absent where nobody keeps a picture."""
    audience: Audience | None = None
    """The evaluators that are connected, and what each has seen."""
    ways: Ways | None = None
    """What customers may be told by; absent where nobody is told."""
    board: StatusBoard | None = None
    """What anybody may know of work; absent where nobody publishes it."""
    page: Page = Page()
    """Whose status it is."""
    outlooks: Outlooks | None = None
    """Between which instants work is expected; absent where nobody looks ahead."""

    @property
    def shown(self) -> StatusBoard:
        """What is published of work."""
        if self.board is None:
            raise UnreachableError("this control plane publishes no work; ask the one that does")
        return self.board

    @property
    def own_ways(self) -> Ways:
        """What customers may be told by."""
        if self.ways is None:
            raise UnreachableError("this control plane tells customers nothing; ask the one that does")
        return self.ways

    @property
    def own_authority(self) -> Authority:
        """Of the nodes' certificates."""
        if self.authority is None:
            raise UnreachableError("this control plane gives out no certificates; ask the one that does")
        return self.authority


def house_of(request: Request) -> House:
    """The house that this request came to."""
    house = request.app.state.house
    assert isinstance(house, House)
    return house


async def off_loop(deed: Callable[[], T]) -> T:
    """Run what may block in a thread; when the request's time is up, it is left to end alone."""
    return await anyio.to_thread.run_sync(deed, abandon_on_cancel=True)
