"""Fixtures of the whole suite, and how a run of it begins."""

import gc
import os

import pytest
from hypothesis import settings
from tests.databases import databases, databases_of_the_run
from tests.order import dealt

__all__ = ["databases", "databases_of_the_run"]


# A machine that does other things beside is slow now and then: no example fails for that.
settings.register_profile("wavetrain", deadline=None)
settings.load_profile("wavetrain")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which a run of several workers takes the least time."""
    items[:] = dealt(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end; to look for garbage in it takes a tenth of the time."""
    gc.collect()
    gc.freeze()
