import pytest

from wavetrain.lab.site_figures import KINDS, Felt, PopFelt, Spread, all_pops, spread


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Spread(0, 0, 0)),
        ([7.0], Spread(7, 7, 7)),
        ([float(n) for n in range(1, 101)], Spread(50, 99, 100)),
        ([3.0, 1.0, 2.0], Spread(2, 3, 3)),
    ],
)
def test_a_spread_is_by_nearest_rank(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


def test_the_figures_of_pops_add_up_and_stubborn_sites_stay_apart() -> None:
    quiet = PopFelt(
        9.0, {kind: Felt(sessions=1, up=1, gaps_ms=(1.0,)) for kind in KINDS}, {"a": 3}, {"n1": 3}
    )
    rough = PopFelt(
        8.0,
        {
            "sites": Felt(sessions=2, moves=3, gaps_ms=(5.0, 9.0)),
            "users": Felt(lost=1),
            "stubborn": Felt(cut=4, reconnects_ms=(30.0,)),
        },
        {"a": 1, "b": 1},
        {"m1": 2},
    )
    felt = all_pops([quiet, rough])
    assert felt.span_s == 8.0
    assert felt.releases == {"a": 4, "b": 1}
    assert felt.nodes == {"n1": 3, "m1": 2}
    assert felt.cooperative == Felt(sessions=4, up=2, moves=3, lost=1, gaps_ms=(1.0, 5.0, 9.0, 1.0))
    assert felt.cooperative.gap_ms.max == 9.0
    assert (felt.stubborn.cut, felt.stubborn.reconnect_ms.p99) == (4, 30.0)
