"""The evaluators' door under hostile requests: no answer that its document does not describe, and never a fault."""

from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode
from tests.doors.features_at_hand import desk
from tests.fuzz.bounds import bounded
from tests.fuzz.open_doors import CALLERS, OpenDoors, secret_of
from tests.fuzz.test_doors import CHECKS

from wavetrain.control.standings import Standings
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.ofrep_document import DOCUMENT_PATH
from wavetrain.model.access import Role

EXAMPLES = 40
ONE, ALL = "/ofrep/v1/evaluate/flags/{key}", "/ofrep/v1/evaluate/flags"
each_path = pytest.mark.parametrize("path", [ONE, ALL])
Case = schemathesis.Case[Any]


@pytest.fixture
def operations(tmp_path: Path) -> Any:
    house = OpenDoors(tmp_path).house
    hand = iter(range(0, 10**9, 1_000))
    app = build(
        house.store,
        house.artifacts,
        house.trust,
        limits=Limits(lambda: next(hand)),
        standings=cast(Standings, desk()),
    )
    return schemathesis.openapi.from_asgi(DOCUMENT_PATH, app)


@each_path
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_is_answered_as_the_document_says(
    operations: Any, path: str, mode: GenerationMode
) -> None:
    @bounded(EXAMPLES)
    @given(case=operations[path]["POST"].as_strategy(generation_mode=mode))
    def property_(case: Case) -> None:
        case.headers.update({"Authorization": f"Bearer {secret_of('evaluator')}"})
        case.validate_response(
            case.call(),
            checks=[
                one
                for one in CHECKS
                if mode is GenerationMode.POSITIVE or one.__name__ != "negative_data_rejection"
            ],
        )

    property_()


@each_path
def test_the_role_alone_opens_it(operations: Any, path: str) -> None:
    operation = operations[path]["POST"]
    values = {"key": "switch"} if path == ONE else {}
    body = {"context": {"targetingKey": "acme"}}
    for name, role in CALLERS.items():
        case = operation.Case(path_parameters=values, body=body, media_type="application/json")
        if role is not Role.NODE:
            case.headers.update({"X-API-Key": secret_of(name)})
        wanted = {Role.EVALUATOR: 200, Role.NODE: 401}.get(role, 403)
        assert case.call().status_code == wanted, role
