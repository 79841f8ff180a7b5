"""Fixtures of the doors' tests."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.control.practice import Practice, node_caller
from tests.doors.served import Served, served

from wavetrain.control.poll import Report, hear
from wavetrain.doors.limits import Limits
from wavetrain.model.fleet import Generation, NodeId, Phase

PATIENT = Limits(lambda: time.monotonic() * 1000)
"""For doors that many tests knock at in vain, one after the other."""


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Open doors for refusals: a rollout is under way, lis1-n1 has reported, and nothing may be written."""
    folder = tmp_path_factory.mktemp("rolling")
    house = Practice(folder)
    house.rolling()
    report = Report(node=NodeId("lis1-n1"), generation=Generation(1, 1), release="1.9.0", phase=Phase.STEADY)
    hear(house.store, node_caller("lis1-n1"), report)
    with served(house, folder, PATIENT) as opened:
        yield opened


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Served]:
    """Open doors."""
    with served(Practice(tmp_path), tmp_path) as opened:
        yield opened
