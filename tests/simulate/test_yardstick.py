"""The yardstick measures the same piece of work each time."""

from wavetrain.simulate import yardstick


def test_the_piece_of_work_is_always_the_same() -> None:
    assert yardstick.work() == yardstick.work() > yardstick.RECORDS


def test_its_rounds_are_measured_one_by_one() -> None:
    took = yardstick.seconds()
    assert len(took) == yardstick.ROUNDS
    assert min(took) > 0
    assert min(took) <= yardstick.middle(took, took) <= max(took)
