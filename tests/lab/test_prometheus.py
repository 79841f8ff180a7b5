"""Which program measures the nodes of a lab."""

import pytest

from wavetrain.errors import RefusedError
from wavetrain.lab.prometheus import chosen
from wavetrain.lab.source_choice import Measured

HERE = "/usr/bin/prometheus"


@pytest.mark.parametrize(
    ("choice", "found", "wanted"),
    [
        (Measured.AUTO, HERE, HERE),
        (Measured.AUTO, None, None),
        (Measured.PROMETHEUS, HERE, HERE),
        (Measured.SCRAPE, HERE, None),
    ],
)
def test_prometheus_measures_where_it_is_installed_and_wanted(
    choice: Measured, found: str | None, wanted: str | None
) -> None:
    assert chosen(choice, lambda: found) == wanted


def test_one_that_is_asked_for_and_not_there_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        RefusedError, match=r"apt-get install prometheus\), or take --source scrape"
    ) as refusal:
        chosen(Measured.PROMETHEUS, lambda: None)
    assert "not on the PATH" in str(refusal.value)
