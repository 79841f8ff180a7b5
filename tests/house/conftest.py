"""Fixtures of the house's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.house.running import Running

from wavetrain.cli.lab_house import LabHouse, Setting

Open = Callable[[Setting], Running]


@pytest.fixture
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens a house with live sessions; nothing is left of it afterwards."""
    with ExitStack() as stack:

        def enter(setting: Setting) -> Running:
            folder: Path = tmp_path_factory.mktemp("h")
            return Running(stack.enter_context(LabHouse(folder, setting)))

        yield enter
