"""The doors under hostile requests: no fault, no answer that is not described, and no refusal that changes anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from tests.fuzz.bounds import bounded
from tests.fuzz.open_doors import CALLERS, KNOWN, OpenDoors

from wavetrain.doors import openapi
from wavetrain.doors.described import Described
from wavetrain.doors.openapi import roles_of

EXAMPLES = 12
CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
Case = schemathesis.Case[Any]
EVERY = [(door, route) for door, routes in openapi.DOORS.items() for route in routes]
NAMES = [route.where for _, route in EVERY]
each_route = pytest.mark.parametrize(("door", "route"), EVERY, ids=NAMES)


@pytest.fixture
def doors(tmp_path: Path) -> OpenDoors:
    return OpenDoors(tmp_path)


def _ask(doors: OpenDoors, case: Case, who: str) -> Any:
    case.headers.update(doors.headers(who))
    if isinstance(case.body, dict) and "wait_s" in case.body:
        case.body["wait_s"] = 0 if isinstance(case.body["wait_s"], int | float) else case.body["wait_s"]
    before = doors.state
    answer = case.call()
    if answer.status_code >= 400:
        assert doors.state == before, f"refused with {answer.status_code}, but something was written"
    return answer


def _meet(doors: OpenDoors, case: Case, name: str) -> None:
    """Chance finds no name that is there, and no secret: half of the cases are given one."""
    if "name" in case.path_parameters:
        case.path_parameters["name"] = name
    if isinstance(case.body, dict):
        case.body.update({key: value for key, value in doors.said.items() if key in case.body})


def _searched(
    doors: OpenDoors, door: str, route: Described, mode: GenerationMode, who: list[str]
) -> Callable[[], None]:
    """A property of one route: whatever is sent, the answer is a described one."""
    operation = doors.operation(door, route.method, route.path)

    @bounded(EXAMPLES)
    @given(
        case=operation.as_strategy(generation_mode=mode),
        who=st.sampled_from(who),
        name=st.none() | st.sampled_from(KNOWN),
    )
    def property_(case: Case, who: str, name: str | None) -> None:
        if name is not None and mode is GenerationMode.POSITIVE:
            _meet(doors, case, name)
        case.validate_response(_ask(doors, case, who), checks=CHECKS)

    return property_


@each_route
def test_what_the_document_allows_is_answered_as_it_says(
    doors: OpenDoors, door: str, route: Described
) -> None:
    allowed = [name for name, role in CALLERS.items() if route.act is None or role in roles_of(route.act)]
    _searched(doors, door, route, GenerationMode.POSITIVE, allowed)()


@each_route
def test_what_the_document_does_not_allow_is_refused_without_a_fault(
    doors: OpenDoors, door: str, route: Described
) -> None:
    _searched(doors, door, route, GenerationMode.NEGATIVE, list(CALLERS))()


@each_route
def test_without_a_caller_nobody_gets_in(doors: OpenDoors, door: str, route: Described) -> None:
    operation = doors.operation(door, route.method, route.path)

    @bounded(2)
    @given(case=operation.as_strategy())
    def property_(case: Case) -> None:
        answer = _ask(doors, case, "")
        if route.act is not None:
            assert answer.status_code == 401

    property_()


@each_route
def test_the_roles_are_those_that_the_document_names(doors: OpenDoors, door: str, route: Described) -> None:
    operation = doors.operation(door, route.method, route.path)
    sent = route.body
    body: dict[str, Any] = (
        {"body": sent.example or b"x", "media_type": sent.media} if sent is not None else {}
    )
    for name, role in CALLERS.items():
        values = {param.name: KNOWN[0] for param in route.params if param.required}
        case = operation.Case(path_parameters=values, **body)
        answer = _ask(doors, case, name)
        if route.act is None:
            continue
        if role in roles_of(route.act):
            assert "that takes the role" not in answer.text, f"{role.value} at {route.where}"
        else:
            assert answer.status_code == 403, f"{role.value} at {route.where}"
