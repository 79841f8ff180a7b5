"""HTTP: the doors of one control plane as one application."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control.ports import Artifacts, Store, Trust
from wavetrain.control.progress import Live
from wavetrain.doors import agents, operators
from wavetrain.doors.failures import HANDLERS
from wavetrain.doors.herald import Herald
from wavetrain.doors.house import House


def build(store: Store, artifacts: Artifacts, trust: Trust, evidence: Live | None = None) -> Starlette:
    """The application; it needs its lifespan, which listens to the store's commits.

    `evidence` gives the running test of a rollout where it is fresher than the store's.
    """
    herald = Herald(store)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with herald.working():
            yield

    app = Starlette(
        routes=[Route("/healthz", _alive), *agents.ROUTES, *operators.ROUTES],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.house = House(store, artifacts, trust, herald, evidence)
    return app


async def _alive(_: Request) -> Response:
    """The process answers; says nothing about what it controls."""
    return Response(b'{"alive": true}', media_type="application/json")
