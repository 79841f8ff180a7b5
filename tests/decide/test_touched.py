"""Touched: it remembers what was set, and nothing leaves it unseen."""

import pytest

from wavetrain.decide.touched import Touched


def test_it_remembers_what_was_set_and_leaves_its_base_alone() -> None:
    base = {"a": 1, "b": 2, "c": 3}
    held = Touched(base)
    held["b"] = 5
    held.update([("c", 3), ("d", 4)])
    assert held.setdefault("a", 9) == 1
    assert held.setdefault("e", 6) == 6
    assert (held, held.touched) == ({"a": 1, "b": 5, "c": 3, "d": 4, "e": 6}, {"b", "c", "d", "e"})
    assert base == {"a": 1, "b": 2, "c": 3}


def test_nothing_leaves_it_by_itself() -> None:
    held = Touched({"a": 1})
    with pytest.raises(TypeError, match="a cannot be taken out"):
        del held["a"]
    with pytest.raises(TypeError, match="a cannot be taken out"):
        held.pop("a")
    held.clear()
    assert not held
