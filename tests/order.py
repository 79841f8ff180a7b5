"""Order: which tests does each worker of a run begin with?"""

from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Protocol, TypeVar

HOUSE = Path(__file__).parent / "house"


class InFile(Protocol):
    """What has a file, as a test has."""

    @property
    def path(self) -> Path: ...


Test = TypeVar("Test", bound=InFile)


def dealt(tests: Sequence[Test], workers: int) -> list[Test]:
    """These tests, so that every second worker begins with a part of the house's.

    Those take longest and wait most. They begin first, so that none of them is the last to end, and on half of the
    workers, so that the others use the processors meanwhile. pytest-xdist cuts the list into equal shares, one for
    each worker, who steal from each other in the end. A file stays together for the sake of its fixtures.
    """
    beginners = range(0, workers, 2)
    first: list[list[Test]] = [[] for _ in range(workers)]
    house = [test for test in tests if HOUSE in test.path.parents]
    for number, (_, file) in enumerate(groupby(house, lambda test: test.path)):
        first[beginners[number % len(beginners)]].extend(file)
    others = iter([test for test in tests if HOUSE not in test.path.parents])
    out: list[Test] = []
    left = len(tests)
    for worker, begun in enumerate(first):
        share = left // (workers - worker)
        left -= share
        out.extend([*begun, *islice(others, max(0, share - len(begun)))])
    return [*out, *others]
