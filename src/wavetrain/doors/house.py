"""House: what every door of one control plane shares."""

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request

from wavetrain.control.ports import Artifacts, Store, Trust
from wavetrain.control.progress import Live
from wavetrain.doors.herald import Herald

T = TypeVar("T")


class House(msgspec.Struct, frozen=True):
    """The ports behind the doors, and who wakes waiting nodes."""

    store: Store
    artifacts: Artifacts
    trust: Trust
    herald: Herald
    evidence: Live | None = None
    """The running tests, fresher than the store has them."""


def house_of(request: Request) -> House:
    """The house that this request came to."""
    house = request.app.state.house
    assert isinstance(house, House)
    return house


async def off_loop(deed: Callable[[], T]) -> T:
    """Run what may block in a thread; when the request's time is up, it is left to end alone."""
    return await anyio.to_thread.run_sync(deed, abandon_on_cancel=True)
