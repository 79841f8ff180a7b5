"""The order in which tests are run loses none."""

from pathlib import Path

import pytest
from tests.order import HOUSE, dealt


class Stub:
    """A test of a file."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number


def stubs(house: int, others: int) -> list[Stub]:
    """Three tests in each file."""
    folders = [*[HOUSE] * house, *[HOUSE.parent / "decide"] * others]
    return [Stub(folder / f"test_{index // 3}.py", index) for index, folder in enumerate(folders)]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("house", "others"), [(0, 0), (1, 0), (12, 0), (12, 5), (12, 200), (0, 40)])
def test_every_test_is_run_once_whatever_the_order(workers: int, house: int, others: int) -> None:
    tests = stubs(house, others)
    assert sorted(dealt(tests, workers), key=lambda test: test.number) == tests


def test_every_second_worker_begins_with_the_house_and_its_files_stay_together() -> None:
    order = dealt(stubs(12, 388), 4)
    begins = [
        [HOUSE in test.path.parents for test in order[first : first + 7]] for first in (0, 100, 200, 300)
    ]
    assert begins == [[True] * 6 + [False], [False] * 7, [True] * 6 + [False], [False] * 7]
    assert [test.number for test in order[:6]] == [0, 1, 2, 6, 7, 8]
