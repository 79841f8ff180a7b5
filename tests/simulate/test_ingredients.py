"""What histories are said to be mixed of does occur in them: an ingredient that nothing shows any more is noticed."""

from collections.abc import Callable, Iterator

import pytest
from tests.simulate.ingredients import INGREDIENTS, RICH, SEEDS, shown

NAMES = frozenset(item.name for item in INGREDIENTS)


def missing(of_seed: Callable[[int], set[str]], seeds: Iterator[int]) -> set[str]:
    """The ingredients that no history of these seeds shows; it looks no further than it must."""
    left = set(NAMES)
    while left and (seed := next(seeds, None)) is not None:
        left -= of_seed(seed)
    return left


def test_every_ingredient_occurs_in_the_histories_that_are_played() -> None:
    """The rich seeds first, then all others of `test_history`: slow only where one has become rare."""
    assert missing(shown, iter((*RICH, *range(SEEDS)))) == set()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_one_that_no_history_shows_is_named(name: str) -> None:
    assert missing(lambda seed: set(NAMES) - {name} if seed == 7 else set(), iter(range(SEEDS))) == {name}
