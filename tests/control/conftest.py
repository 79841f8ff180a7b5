"""Fixtures of the use cases' tests."""

from pathlib import Path

import pytest
from tests.control.practice import Practice


@pytest.fixture
def house(tmp_path: Path) -> Practice:
    """A fresh house with a fleet and a policy."""
    return Practice(tmp_path)
