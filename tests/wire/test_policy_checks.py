"""Policy checks: what a policy file may say of a metric, and how it is refused."""

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.check_catalogue import CATALOGUE, NAMES
from wavetrain.model.policy import Direction, Kind, MetricRule
from wavetrain.wire.policy_file import read_policy

HEAD = 'lane = "pop"\n[[ring]]\nname = "all"\nstage = "general"\nrest = true\n[verdicts]\n'


def rules(text: str) -> tuple[MetricRule, ...]:
    return read_policy(HEAD + text).verdicts.metrics


def test_a_check_of_the_catalogue_is_taken_over_as_it_is() -> None:
    text = "".join(f'[[verdicts.metric]]\nuse = "{name}"\n' for name in NAMES)
    assert rules(text) == CATALOGUE


def test_what_is_given_beside_use_replaces_what_the_catalogue_says() -> None:
    text = '[[verdicts.metric]]\nuse = "errors"\nevents = "edge_errors"\nweight = 3\ngate = false\n'
    rule, _ = rules(text + '[[verdicts.metric]]\nuse = "sessions-lost"\n')
    known = next(item for item in CATALOGUE if item.name == "errors")
    assert (rule.name, rule.events, rule.exposure) == ("errors", "edge_errors", known.exposure)
    assert (rule.weight, rule.gate, rule.excess_max) == (3.0, False, known.excess_max)


def test_an_operators_own_check_of_each_kind() -> None:
    text = (
        '[[verdicts.metric]]\nname = "a"\nevents = "e_total"\nexposure = "x_total"\ndirection = "down"\n'
        '[[verdicts.metric]]\nname = "b"\nkind = "histogram"\nhistogram = "h_seconds"\ngate = false\n'
        '[[verdicts.metric]]\nname = "c"\nkind = "gauge"\ngauge = "g_bytes"\nexcess_max = 1e6\ngate = false\n'
    )
    counter, histogram, gauge = rules(text)
    assert counter.direction is Direction.DOWN
    assert (histogram.kind, histogram.histogram) == (Kind.HISTOGRAM, "h_seconds")
    assert (gauge.kind, gauge.gauge, gauge.excess_max) == (Kind.GAUGE, "g_bytes", 1e6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('use = "crash"', "did you mean `crashes`"),
        ('use = "errors"\nkind = "gauge"', "is a counter, not a gauge"),
        ('name = "a"\nkind = "gauge"\nevents = "e"\ngauge = "g"', "a gauge has no `events`"),
        ('name = "a"\nkind = "histogram"', "verdicts.metric[0].histogram"),
        ('name = "a"\nevents = "e"', "verdicts.metric[0].exposure"),
        ('name = "a"\nkind = "summary"', "`summary` is not known here"),
        ('use = "errors"\nweight = 0', "verdicts.metric[0].weight"),
        ('use = "errors"\nweight = nan', "verdicts.metric[0].weight"),
        ('use = "errors"\nmargin_ratio = 10', "verdicts.metric[0].margin_ratio"),
        ('use = "cpu"\nhistory = true', "only a counter"),
        ('use = "throughput"\nhistory = true', "only a counter"),
        ('use = "errors"\n[[verdicts.metric]]\nuse = "errors"', "errors is there twice"),
        ('use = "errors"\ngate = false', "no check is a gate"),
        ('use = "cpu"\ngate = true\n[[verdicts.metric]]\nuse = "memory"', "all checks are gauges"),
    ],
)
def test_a_check_that_cannot_be_is_refused_with_its_place_and_the_way_out(text: str, said: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        rules(f"[[verdicts.metric]]\n{text}\n")
    assert said in str(refusal.value)


def test_the_model_itself_refuses_a_check_of_the_wrong_kind() -> None:
    with pytest.raises(ValueError, match="must name `histogram`"):
        MetricRule(name="a", kind=Kind.HISTOGRAM, weight=1.0)
    with pytest.raises(ValueError, match="must not name `gauge`"):
        MetricRule(name="a", events="e", exposure="x", gauge="g", weight=1.0)
    with pytest.raises(ValueError, match="only a counter has a history"):
        MetricRule(name="a", kind=Kind.GAUGE, gauge="g", weight=1.0, history=True)
