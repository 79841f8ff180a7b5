"""HTTP: the doors of one control plane as one application."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from wavetrain.control.audience import Audience
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Artifacts, Authority, Pipelines, Provider, Store, Trust
from wavetrain.control.progress import Live
from wavetrain.control.standings import Standings
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.subscriptions import Ways
from wavetrain.doors import (
    account_pages,
    account_ways,
    agents,
    console,
    feeds,
    health,
    notes,
    notes_written,
    openapi,
    operators,
)
from wavetrain.doors.bearers import Bearers
from wavetrain.doors.event_streams import EventStreams
from wavetrain.doors.failures import HANDLERS
from wavetrain.doors.herald import Herald
from wavetrain.doors.house import House
from wavetrain.doors.limits import Limits, TooOftenError, on_too_often
from wavetrain.doors.login import LoginDoor
from wavetrain.doors.login_links import LINK_S, Remembered
from wavetrain.doors.metrics import Metrics
from wavetrain.doors.ofrep import Ofrep
from wavetrain.doors.overlook import Overlook
from wavetrain.doors.page_events import PageEvents
from wavetrain.doors.status import Status
from wavetrain.doors.statuspage import Page


def build(
    store: Store,
    artifacts: Artifacts,
    trust: Trust,
    evidence: Live | None = None,
    ready: health.Readiness | None = None,
    metrics: Metrics | None = None,
    *,
    authority: Authority | None = None,
    limits: Limits | None = None,
    publisher: notes_written.House | None = None,
    clock: Callable[[], float] = time.monotonic,
    standings: Standings | None = None,
    audience: Audience | None = None,
    board: StatusBoard | None = None,
    page: Page | None = None,
    pipelines: Pipelines | None = None,
    provider: Provider | None = None,
    outlooks: Outlooks | None = None,
    ways: Ways | None = None,
) -> Starlette:
    """The application; it needs its lifespan, which listens to the store's commits.

    `evidence` gives the running test of a rollout where it is fresher than the store's. `ready` and `metrics` answer
    for the process itself, where there is one to speak of. Without an `authority` no node can join; without
    `standings` nobody evaluates features, and a visit may take one away. `publisher` says whose notes the public pages
    are. With a `board` everybody may see the status; `page` says whose it is. `pipelines` knows CI by tokens of others,
    `provider` knows people without a token of ours. `outlooks` says between which instants work
    is expected. `ways` is what customers may be told by.
    """
    herald = Herald(store)
    limits = limits or Limits(clock)

    events = PageEvents(store)
    known = audience or (Audience(standings) if standings is not None else None)
    streams = EventStreams(standings, known) if standings is not None and known is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        listening = streams.working() if streams is not None else contextlib.nullcontext()
        async with herald.working(), events.working(), listening:
            yield

    own = [Route("/healthz", health.alive)]
    own += [Route("/readyz", ready.answer)] if ready is not None else []
    own += [Route("/metrics", metrics.answer)] if metrics is not None else []
    own += notes.Reading(publisher or notes_written.House(), clock).routes
    own += LoginDoor(provider, clock).routes
    own += [Route("/console/events", events.answer), *console.ROUTES]
    own += [*feeds.ROUTES, *account_pages.ROUTES, *account_ways.ROUTES]
    app = Starlette(
        routes=[*own, *map(openapi.giving, openapi.DOORS), *agents.ROUTES, *operators.ROUTES],
        exception_handlers={**HANDLERS, TooOftenError: on_too_often},
        lifespan=lifespan,
        middleware=[Middleware(limits.around)],
    )
    # Around the whole of the other doors: what only these need is not on the way of an evaluation.
    stack = app.build_middleware_stack()
    if standings is not None and streams is not None:
        stack = Ofrep(standings, Bearers(store, time.monotonic), limits, streams).around(stack)
    if board is not None:
        stack = Status(board, page or Page(), limits).around(stack)
    app.middleware_stack = metrics.traffic.around(stack) if metrics is not None else stack
    app.state.let_go = _together(
        herald.close, events.close, *([streams.close] if streams is not None else [])
    )
    app.state.house = House(
        store,
        artifacts,
        trust,
        herald,
        limits,
        authority=authority,
        evidence=evidence,
        standings=standings,
        pipelines=pipelines,
        links=Remembered(LINK_S, clock),
        overlook=Overlook(store, board),
        audience=audience,
        board=board,
        page=page or Page(),
        outlooks=outlooks,
        ways=ways,
    )
    return app


def _together(*deeds: Callable[[], None]) -> Callable[[], None]:
    """What lets those go who wait at the doors, for these to close."""

    def all_of_them() -> None:
        for deed in deeds:
            deed()

    return all_of_them
