"""The stores that the contract suite runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.store_cases import Opened, OpenedMemory, OpenedSql
from tests.databases import Databases


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Each implementation of the Store port in turn."""
    case: Opened
    if request.param == "memory":
        case = OpenedMemory()
    elif request.param == "sqlite":
        case = OpenedSql(tmp_path / "wavetrain.db")
    else:
        databases: Databases = request.getfixturevalue("databases")
        case = OpenedSql(databases.fresh())
    yield case
    case.close()
