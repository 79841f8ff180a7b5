"""Receipts' door: what did work cost an account, and was that drop a maintenance?"""

import asyncio
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import receipts, reconnects
from wavetrain.doors.answers import ANSWER_S, said
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of
from wavetrain.doors.query import query_of
from wavetrain.wire import receipt_table

OWN: Final = "/v1/accounts/{name}"
CSV: Final = "text/csv; charset=utf-8"


async def _listed(request: Request) -> Response:
    caller = await caller_of(request)
    limit = query_of(request, whole=("limit",)).whole("limit", 50)
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(receipts.listed, store, caller, name, limit))


async def _table(request: Request) -> Response:
    caller = await caller_of(request)
    limit = query_of(request, whole=("limit",)).whole("limit", receipts.LISTED_MAX)
    store, name = house_of(request).store, request.path_params["name"]
    async with asyncio.timeout(ANSWER_S):
        found = await off_loop(partial(receipts.listed, store, caller, name, limit))
    text = receipt_table.written(one.receipt for one in found)
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": 'attachment; filename="receipts.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, headers=headers, media_type=CSV)


async def _shown(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    store, params = house_of(request).store, request.path_params
    return await said(partial(receipts.shown, store, caller, params["name"], params["work"]))


async def _reconnects(request: Request) -> Response:
    caller = await caller_of(request)
    query = query_of(request, whole=("days", "limit"))
    store, name = house_of(request).store, request.path_params["name"]
    days, limit = query.whole("days", 7), query.whole("limit", 100)
    return await said(partial(reconnects.seen, store, caller, name, days, limit))


ROUTES = [
    Route(f"{OWN}/receipts", _listed),
    Route(f"{OWN}/receipts.csv", _table),
    Route(f"{OWN}/receipts/{{work}}", _shown),
    Route(f"{OWN}/reconnects", _reconnects),
]
