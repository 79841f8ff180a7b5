"""The documents of the doors say what the doors do: every route, once, in a form that programs read."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from tests.control.practice import Practice

from wavetrain.doors import (
    account_pages,
    account_ways,
    agents,
    console,
    feeds,
    login,
    notes,
    openapi,
    operators,
)
from wavetrain.doors.http import build

OPENED = {"operators": operators.ROUTES, "agents": agents.ROUTES}
OWN = {"/healthz", "/readyz", "/metrics"}
"""What the process says of itself; docs/health.md has it."""
each_door = pytest.mark.parametrize("door", openapi.DOORS)


@each_door
def test_every_route_is_described_and_every_description_is_a_route(door: str) -> None:
    assert openapi.undescribed(OPENED[door], door) == []


def test_no_route_of_the_application_is_at_no_door(tmp_path: Path) -> None:
    house = Practice(tmp_path)
    app: Starlette = build(house.store, house.artifacts, house.trust)
    known = {route.path for routes in OPENED.values() for route in routes}
    known |= (
        OWN
        | set(openapi.PATHS.values())
        | notes.PATHS
        | login.PATHS
        | feeds.PATHS
        | account_pages.PATHS
        | account_ways.PATHS
    )
    known |= {route.path for route in console.ROUTES} | {"/console/events"}
    assert [route.path for route in app.routes if isinstance(route, Route) and route.path not in known] == []


def test_a_route_that_is_not_described_is_named() -> None:
    async def endpoint(_: Any) -> Response:
        raise AssertionError

    more = [*operators.ROUTES, Route("/v1/forgotten", endpoint, methods=["POST"])]
    assert openapi.undescribed(more, "operators") == ["POST /v1/forgotten is open and not described"]
    assert openapi.undescribed(operators.ROUTES[1:], "operators") == [
        "GET /v1/status is described and not open"
    ]


@each_door
def test_the_document_is_a_valid_one(door: str) -> None:
    validate(openapi.document(door))


@each_door
def test_each_operation_has_its_own_name_and_a_sentence(door: str) -> None:
    routes = openapi.DOORS[door]
    assert len({route.name for route in routes}) == len(routes)
    assert all(route.text and route.text[0].isupper() for route in routes)


@each_door
def test_whatever_is_sent_says_how_long_it_may_be(door: str) -> None:
    for methods in openapi.document(door)["paths"].values():
        for operation in methods.values():
            assert operation.get("requestBody", {"x-bytes-max": 1})["x-bytes-max"] > 0


@each_door
def test_a_door_gives_its_document_to_anybody(door: str, tmp_path: Path) -> None:
    house = Practice(tmp_path)
    transport = httpx.ASGITransport(build(house.store, house.artifacts, house.trust))

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://doors") as client:
            return await client.get(openapi.PATHS[door])

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == openapi.document(door)
