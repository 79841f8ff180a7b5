"""Operators' door: what persons and CI ask of releases, rollouts, the fleet and its rules, as JSON."""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import (
    bans,
    cordons,
    enquire,
    explain,
    fleets,
    forecast,
    freeze_calendars,
    freezes,
    hotfixes,
    joins,
    measured,
    nodes,
    notes,
    policies,
    progress,
    readiness,
    rollouts,
    standstill,
    status_picture,
    submit,
    summary,
    tokens,
    trains,
    verdicts,
    withdraw,
)
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.doors import accounts, alerts, features, login, subscriptions
from wavetrain.doors.answers import Endpoint, because, reading, reading_one, removing, said
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of, check_length, chunks_of, message_of, text_of
from wavetrain.doors.query import query_of
from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.hotfix import Hotfix
from wavetrain.model.policy import Policy
from wavetrain.model.release import ARTIFACT_BYTES_MAX
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.fleet_lines import LINES_BYTES_MAX, read_lines
from wavetrain.wire.freeze_file import FREEZE_FILE_BYTES_MAX, read_freezes
from wavetrain.wire.messages import (
    NAMES_BYTES_MAX,
    AddFreeze,
    Approve,
    Confirm,
    FileText,
    ImportFreezes,
    Kept,
    LetJoin,
    MadeToken,
    MakeToken,
    Place,
    RaiseFloor,
    Resume,
    utc_of,
)
from wavetrain.wire.policy_file import POLICY_BYTES_MAX, read_policy
from wavetrain.wire.release_file import MANIFEST_BYTES_MAX, read_release
from wavetrain.wire.toml_table import FILE_BYTES_MAX

UPLOAD_S = 900.0
LARGE_FLEETS_AT_ONCE = 2


async def _rollout(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    house, name = house_of(request), request.path_params["name"]
    return await said(partial(progress.rollout, house.store, caller, name, house.evidence))


async def _fleet_part(request: Request) -> Response:
    caller = await caller_of(request)
    query = query_of(request, text=("pop", "region"))
    return await said(partial(summary.part, house_of(request).store, caller, **query.texts))


async def _status(request: Request) -> Response:
    caller = await caller_of(request)
    query = query_of(request, whole=("recent",))
    recent = query.whole("recent", progress.RECENT)
    house = house_of(request)
    return await said(partial(progress.status, house.store, caller, recent, house.evidence))


async def _journal(request: Request) -> Response:
    caller = await caller_of(request)
    query = query_of(request, whole=("after", "limit"), text=enquire.JOURNAL_FILTERS)
    after = query.whole("after", -1)
    page = partial(
        enquire.journal,
        house_of(request).store,
        caller,
        after=None if after < 0 else after,
        limit=query.whole("limit", 50),
        **query.texts,
    )
    return await said(page)


async def _train(request: Request) -> Response:
    caller, name = await caller_of(request), request.path_params["name"]
    query = query_of(request, whole=("number", "sight"))
    number, is_asked = query.whole("number", 0), bool(query.whole("sight", 0))
    store = house_of(request).store
    return await said(partial(trains.show, store, caller, name, number, is_sight_asked=is_asked))


async def _readiness(request: Request) -> Response:
    caller = await caller_of(request)
    query = query_of(request, whole=("skip", "limit"), text=("account", "pop", "rollout"))
    survey = partial(
        readiness.readiness,
        house_of(request).store,
        caller,
        skip=query.whole("skip", 0),
        limit=query.whole("limit", readiness.LISTED),
        **query.texts,
    )
    return await said(survey)


async def _keep(request: Request) -> Response:
    caller = await caller_of(request)
    check_length(request, ARTIFACT_BYTES_MAX)
    artifacts, digest = house_of(request).artifacts, request.path_params["name"]

    def keep() -> Kept:
        return Kept(digest=digest, size=submit.keep(artifacts, caller, digest, chunks_of(request)))

    async with asyncio.timeout(UPLOAD_S):
        kept = await off_loop(keep)
    return Response(msgspec.json.encode(kept), 201, media_type="application/json")


async def _submit(request: Request) -> Response:
    caller = await caller_of(request)
    require(caller, Act.SUBMIT)
    candidate = read_release(await text_of(request, MANIFEST_BYTES_MAX, "release"), "release")
    house = house_of(request)
    return await said(partial(submit.submit, house.store, house.artifacts, caller, candidate), 201)


async def _resume(request: Request) -> Response:
    caller = await caller_of(request)
    message = await message_of(request, Resume, "resume")
    name = request.path_params["name"]
    return await said(partial(rollouts.resume, house_of(request).store, caller, name, message.reason))


async def _approve(request: Request) -> Response:
    caller = await caller_of(request)
    message = await message_of(request, Approve, "approve")
    name = request.path_params["name"]
    return await said(partial(rollouts.approve, house_of(request).store, caller, name, message.consent))


async def _place(request: Request) -> Response:
    caller = await caller_of(request)
    asked = await message_of(request, Place, "place", NAMES_BYTES_MAX)
    hotfix = Hotfix(how=asked.how, wave=asked.wave, pops=tuple(PopId(pop) for pop in asked.pops))
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(hotfixes.place, store, caller, name, hotfix, asked.reason))


async def _confirm(request: Request) -> Response:
    caller = await caller_of(request)
    message = await message_of(request, Confirm, "confirm")
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(standstill.confirm, store, caller, name, message.reason, message.shown))


async def _freeze(request: Request) -> Response:
    caller = await caller_of(request)
    message = await message_of(request, AddFreeze, "freeze", NAMES_BYTES_MAX)
    deed = partial(
        freezes.add,
        house_of(request).store,
        caller,
        starts=utc_of(message.starts, "starts"),
        ends=utc_of(message.ends, "ends"),
        reason=message.reason,
        scope=message.scope,
        freeze_id=message.id,
    )
    return await said(deed, 201)


async def _import_freezes(request: Request) -> Response:
    caller = await caller_of(request)
    require(caller, Act.FREEZE)
    message = await message_of(request, ImportFreezes, "freezes", FREEZE_FILE_BYTES_MAX * 2)
    store = house_of(request).store

    def bring() -> object:
        whole = read_freezes(message.text, enquire.train_time(store))
        return freeze_calendars.bring(store, caller, whole, message.until)

    return await said(bring)


def _fleet(use: Callable[[Store, Caller, Fleet], object], act: Act) -> Endpoint:
    """The text of a fleet file; it is parsed in the thread, because it may be long, and only for who may do `act`."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        require(caller, act)
        message = await message_of(request, FileText, "fleet", FILE_BYTES_MAX * 2)
        store = house_of(request).store
        return await said(lambda: use(store, caller, read_fleet(message.text, enquire.train_time(store))))

    return endpoint


def _fleet_lines(use: Callable[[Store, Caller, Fleet], object], act: Act) -> Endpoint:
    """A large fleet as JSON lines, read as they arrive; few at once, because each is held in memory whole."""
    turns = asyncio.Semaphore(LARGE_FLEETS_AT_ONCE)

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        require(caller, act)
        check_length(request, LINES_BYTES_MAX)
        store = house_of(request).store

        def deed() -> object:
            return use(store, caller, read_lines(chunks_of(request), enquire.train_time(store), "fleet"))

        async with turns:
            return await said(deed, within_s=UPLOAD_S)

    return endpoint


def _policy(use: Callable[[Store, Caller, Policy], object], act: Act) -> Endpoint:
    """The text of a policy file, checked against the fleet as applied; it is read only for who may do `act`."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        require(caller, act)
        message = await message_of(request, FileText, "policy", POLICY_BYTES_MAX * 2)
        store = house_of(request).store
        return await said(lambda: use(store, caller, read_policy(message.text, fleets.current(store))))

    return endpoint


async def _make_token(request: Request) -> Response:
    caller = await caller_of(request)
    message = await message_of(request, MakeToken, "token")
    store = house_of(request).store

    def make() -> MadeToken:
        token, secret = tokens.create(
            store, caller, message.name, message.roles, message.days, message.account
        )
        return MadeToken(token=token, secret=secret)

    return await said(make, 201)


async def _raise_floor(request: Request) -> Response:
    caller = await caller_of(request)
    asked = await message_of(request, RaiseFloor, "floor")
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(bans.raise_floor, store, caller, name, asked.number, asked.reason))


async def _let_join(request: Request) -> Response:
    caller = await caller_of(request)
    asked = await message_of(request, LetJoin, "join")
    house, name = house_of(request), request.path_params["name"]
    deed = partial(joins.make, house.store, house.own_authority, caller, name, asked.minutes)
    return await said(deed, 201)


ROUTES = [
    Route("/v1/status", _status),
    Route("/v1/journal", _journal),
    Route("/v1/why/{name}", reading_one(explain.why)),
    Route("/v1/when/{name}", reading_one(forecast.when)),
    Route("/v1/readiness", _readiness),
    Route("/v1/trains/{name}", _train),
    Route("/v1/artifacts/{name}", _keep, methods=["PUT"]),
    Route("/v1/releases", reading(enquire.releases)),
    Route("/v1/releases", _submit, methods=["POST"]),
    Route("/v1/releases/{name}", reading_one(enquire.release)),
    Route("/v1/releases/{name}/withdraw", because(withdraw.withdraw, "withdraw"), methods=["POST"]),
    Route("/v1/measured", reading(measured.measured)),
    Route("/v1/rollouts", reading(progress.rollouts)),
    Route("/v1/rollouts/{name}", _rollout),
    Route("/v1/rollouts/{name}/verdict", reading_one(verdicts.verdict)),
    Route("/v1/rollouts/{name}/pause", because(rollouts.pause, "pause"), methods=["POST"]),
    Route("/v1/rollouts/{name}/abort", because(rollouts.abort, "abort"), methods=["POST"]),
    Route("/v1/rollouts/{name}/revert", because(rollouts.revert, "revert"), methods=["POST"]),
    Route("/v1/rollouts/{name}/resume", _resume, methods=["POST"]),
    Route("/v1/rollouts/{name}/approve", _approve, methods=["POST"]),
    Route("/v1/rollouts/{name}/place", _place, methods=["POST"]),
    Route("/v1/standstills", reading(standstill.seen)),
    Route("/v1/standstills/{name}/confirm", _confirm, methods=["POST"]),
    Route("/v1/freezes", reading(enquire.freezes)),
    Route("/v1/freezes", _freeze, methods=["POST"]),
    Route("/v1/freezes/import", _import_freezes, methods=["POST"]),
    Route("/v1/freezes/{name}", removing(freezes.remove), methods=["DELETE"]),
    Route("/v1/pops/{name}/cordon", because(cordons.cordon, "cordon"), methods=["POST"]),
    Route("/v1/pops/{name}/cordon", removing(cordons.uncordon), methods=["DELETE"]),
    Route("/v1/nodes/{name}/cordon", because(cordons.cordon, "cordon"), methods=["POST"]),
    Route("/v1/nodes/{name}/cordon", removing(cordons.uncordon), methods=["DELETE"]),
    Route("/v1/nodes/{name}/retire", because(nodes.retire, "retire"), methods=["POST"]),
    Route("/v1/nodes/{name}/rebuild", because(nodes.rebuild, "rebuild"), methods=["POST"]),
    Route("/v1/nodes/{name}/join", _let_join, methods=["POST"]),
    Route("/v1/nodes/{name}/revoke", because(joins.revoke, "revoke"), methods=["POST"]),
    Route("/v1/components/{name}/floor", _raise_floor, methods=["POST"]),
    Route("/v1/fleet", _fleet_part),
    Route("/v1/fleet/summary", reading(summary.summary)),
    Route("/v1/fleet/lines", _fleet_lines(fleets.apply, Act.DESCRIBE), methods=["POST"]),
    Route("/v1/fleet/lines/check", _fleet_lines(fleets.check, Act.READ), methods=["POST"]),
    Route("/v1/fleet", _fleet(fleets.apply, Act.DESCRIBE), methods=["POST"]),
    Route("/v1/fleet/check", _fleet(fleets.check, Act.READ), methods=["POST"]),
    Route("/v1/fleet/adopt", reading(fleets.adopt), methods=["POST"]),
    Route("/v1/policy", reading(policies.current)),
    Route("/v1/policy", _policy(policies.apply, Act.RULE), methods=["POST"]),
    Route("/v1/policy/check", _policy(policies.check, Act.READ), methods=["POST"]),
    Route("/v1/tokens", reading(tokens.seen)),
    Route("/v1/tokens", _make_token, methods=["POST"]),
    Route("/v1/tokens/{name}", removing(tokens.revoke), methods=["DELETE"]),
    Route("/v1/logins", login.make_link, methods=["POST"]),
    *alerts.ROUTES,
    *features.ROUTES,
    *subscriptions.ROUTES,
    *accounts.ROUTES,
    Route("/v1/maintenance", reading(status_picture.seen)),
    Route("/v1/notes", reading(notes.read)),
    Route("/v1/notes/{name}", reading_one(notes.read_one)),
]
