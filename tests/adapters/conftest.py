"""The stores that the contract suite runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.store_cases import Opened, OpenedMemory, OpenedSql


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Each implementation of the Store port in turn."""
    case: Opened = OpenedMemory() if request.param == "memory" else OpenedSql(tmp_path)
    yield case
    case.close()
