"""Writers get their turn in the order in which they came."""

import threading

import pytest
from tests.adapters.store_cases import until

from wavetrain.adapters.turnstile import Turnstile
from wavetrain.errors import UnreachableError


def test_those_who_wait_are_let_in_in_their_order() -> None:
    turnstile = Turnstile()
    order: list[int] = []

    def pass_through(number: int) -> None:
        with turnstile.turn("store", 30.0):
            order.append(number)

    threads = [threading.Thread(target=pass_through, args=(number,)) for number in range(8)]
    with turnstile.turn("store", 1.0):
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda number=number: len(turnstile._waiting) == number + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(30)
    assert order == list(range(8))


def test_one_who_waits_too_long_gives_up_and_is_not_let_in_later() -> None:
    turnstile = Turnstile()
    said: list[str] = []

    def try_it() -> None:
        try:
            with turnstile.turn("store", 0.01):
                said.append("in")
        except UnreachableError as error:
            said.append(str(error))

    with turnstile.turn("store", 1.0):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join(30)
    assert len(said) == 1
    assert said[0].startswith("store: other threads have been writing for more than 0.01 s")
    with turnstile.turn("store", 1.0):
        pass


def test_an_error_inside_lets_the_next_one_in() -> None:
    turnstile = Turnstile()
    with pytest.raises(KeyError), turnstile.turn("store", 1.0):
        raise KeyError
    with (
        turnstile.turn("store", 1.0),
        pytest.raises(UnreachableError, match="already"),
        turnstile.turn("store", 1.0),
    ):
        pass
