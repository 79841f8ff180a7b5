"""A ramp's step reaches every account within a second, and accounts are held in few bytes."""

from wavetrain.simulate.standings_bench import Crowd, measure


def test_a_step_is_visible_within_a_second_and_an_account_takes_few_bytes() -> None:
    found = measure(Crowd(accounts=5_000, features=50, pops=100))
    assert found.committed_step_visible_s < 1
    assert found.due_step_visible_s < 1
    assert found.arrays_mb * 1e6 / found.accounts < 60
