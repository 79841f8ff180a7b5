"""The queries: what is asked for, how names are written in them, and how few nodes go into one."""

import pytest

from wavetrain.adapters import promql
from wavetrain.adapters.promql import Labels
from wavetrain.control.targets import Target
from wavetrain.model.fleet import NodeId

TARGET = Target("lis1", "http://10.0.0.1:9100/metrics", ("ops_total",), "held", ("took",), ("share",))


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (
            Labels(),
            r'{__name__=~"ops_total|took|took_bucket|took_count|share|held|.*_start_time_seconds",'
            r'node=~"a\\.b\\|c"}[1500ms]',
        ),
        (
            Labels(node="instance", node_is="address", pop="pop", release_info="build", match=('job="x"',)),
            r'{__name__=~"ops_total|took|took_bucket|took_count|share|held|build|.*_start_time_seconds",'
            r'instance=~"10\\.0\\.0\\.1:9100",pop=~"lis1",job="x"}[1500ms]',
        ),
    ],
)
def test_raw_samples_of_all_names_are_asked_for_with_names_escaped(labels: Labels, wanted: str) -> None:
    assert promql.raw([(NodeId("a.b|c"), TARGET)], labels, 1.5) == wanted


def test_a_quote_cannot_leave_its_place() -> None:
    assert r"node=~\"" not in promql.raw([(NodeId('x"} or up{y="'), TARGET)], Labels(), 1.0)
    assert r'node=~"x\"\\} or up\\{y=\""' in promql.raw([(NodeId('x"} or up{y="'), TARGET)], Labels(), 1.0)


def test_nodes_go_together_by_what_is_asked_of_them_and_not_too_many() -> None:
    plain = Target("lis1", "", ("ops_total",), "held")
    targets = [(NodeId(f"n{number}"), plain) for number in range(1_200)]
    groups = list(promql.groups([*targets, (NodeId("x"), TARGET)]))
    assert sorted(map(len, groups)) == [1, 200, 500, 500]
    assert sorted(node for group in groups for node, _ in group) == sorted([*(n for n, _ in targets), "x"])
