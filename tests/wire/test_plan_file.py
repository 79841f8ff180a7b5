import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.big_fleet import big_fleet, rules
from tests.decide.planned import BEFORE, DEPARTS

from wavetrain.control import trains
from wavetrain.control.trains import PlanSeen
from wavetrain.errors import RefusedError
from wavetrain.wire.plan_file import read_plan, write_plan

PLAN = trains.outlook(big_fleet(30, 200, regions=3), rules(), (), DEPARTS, BEFORE)


def test_a_plan_file_is_read_as_it_was_written() -> None:
    assert read_plan(write_plan(PLAN)) == PLAN


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"stops": 3}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_plan_is_refused_with_the_way_out(content: bytes) -> None:
    with pytest.raises(RefusedError, match="name a file that `train plan -o` wrote"):
        read_plan(content, "x.json")


@given(st.sampled_from(sorted(msgspec.structs.asdict(PLAN))), st.sampled_from([None, -1, "x", [1], {}]))
def test_a_field_of_another_kind_is_refused_or_means_what_it_says(field: str, value: object) -> None:
    body = msgspec.to_builtins(PLAN) | {field: value}
    with contextlib.suppress(RefusedError):
        assert isinstance(read_plan(msgspec.json.encode(body)), PlanSeen)
