"""Verdict parts: what does each check say, of the rows, gauges and the past that stand for it?

A check's e is the mean of its parts', with shares that were fixed by its kind (Wang & Ramdas 2022): a histogram's
strands, or the comparison with the control beside that with the past.
"""

from collections.abc import Sequence
from math import isfinite

import msgspec

from wavetrain.decide.gauge_test import Gauges
from wavetrain.decide.rows import Rows
from wavetrain.evidence import budget
from wavetrain.evidence.first_nodes import HISTORY_SHARE
from wavetrain.evidence.judgement import Judgement, MetricJudgement
from wavetrain.evidence.processes import CONTROL_EVENTS, CONTROL_EXPOSURE, NEW_EVENTS, NEW_EXPOSURE
from wavetrain.model.policy import Direction, Kind, Policy


class Said(msgspec.Struct, frozen=True):
    """Log e of all parts: by row, by check with a history, by gauge."""

    rows: Rows
    by_row: Sequence[float]
    by_history: Sequence[float]
    by_gauge: Sequence[float]


def places_by_check(policy: Policy, rows: Rows) -> tuple[tuple[int, ...], ...]:
    """The rows of each check; none for a gauge."""
    found: list[list[int]] = [[] for _ in policy.verdicts.metrics]
    for place, row in enumerate(rows.rows):
        found[row.check].append(place)
    return tuple(map(tuple, found))


def log_es(policy: Policy, said: Said) -> list[float]:
    """Log e by check."""
    out, gauges = [], iter(said.by_gauge)
    past = dict(zip(said.rows.histories.tolist(), said.by_history, strict=True))
    for places in places_by_check(policy, said.rows):
        if not places:
            out.append(next(gauges))
            continue
        parts = [(said.by_row[place], said.rows.rows[place].share) for place in places]
        parts += [(past[place], HISTORY_SHARE) for place in places if place in past]
        out.append(budget.log_mean([value for value, _ in parts], [share for _, share in parts]))
    return out


def judgement(policy: Policy, said: Said, by_row: Judgement, gauges: Gauges) -> Judgement:
    """The verdict check by check. A histogram shows the strand that says most; a gauge its levels."""
    values = log_es(policy, said)
    rules = policy.verdicts.metrics
    weights = budget.normalised([rule.weight for rule in rules])
    per_metric: list[MetricJudgement] = []
    gauge = 0
    for place, places in enumerate(places_by_check(policy, said.rows)):
        if places:
            shown = by_row.per_metric[max(places, key=said.by_row.__getitem__)]
            if rules[place].kind is Kind.COUNTER and rules[place].direction is Direction.DOWN:
                shown = _sides_changed(shown)
        else:
            shown = _of_gauge(gauges, gauge)
            gauge += 1
        per_metric.append(
            msgspec.structs.replace(shown, name=rules[place].name, log_e=values[place], weight=weights[place])
        )
    total = budget.log_mean(values, weights)
    return msgspec.structs.replace(
        by_row,
        log_e=total,
        failed=total >= by_row.log_threshold,
        per_metric=tuple(per_metric),
    )


def _sides_changed(said: MetricJudgement) -> MetricJudgement:
    """The counts as they are, of a check whose arms have changed sides in the test. `ratio` stays that of the harm."""
    return msgspec.structs.replace(
        said,
        new_events=said.control_events,
        new_exposure=said.control_exposure,
        control_events=said.new_events,
        control_exposure=said.new_exposure,
        new_rate=said.control_rate,
        control_rate=said.new_rate,
    )


def _of_gauge(gauges: Gauges, place: int) -> MetricJudgement:
    """Sums of levels over blocks as events, blocks as exposure: the rates are the arms' mean levels."""
    row = gauges.pooled(place)
    sign = -1.0 if gauges.rules[place].direction is Direction.DOWN else 1.0
    new, control = sign * float(row[NEW_EVENTS]), sign * float(row[CONTROL_EVENTS])
    blocks, others = float(row[NEW_EXPOSURE]), float(row[CONTROL_EXPOSURE])
    mine, theirs = (new / blocks, control / others) if blocks and others else (None, None)
    ratio = mine / theirs if mine is not None and theirs else None
    return MetricJudgement(
        name=gauges.rules[place].name,
        log_e=0.0,
        weight=0.0,
        new_events=new,
        new_exposure=blocks,
        control_events=control,
        control_exposure=others,
        new_rate=mine,
        control_rate=theirs,
        ratio=ratio if ratio is not None and isfinite(ratio) else None,
        excess=mine - theirs if mine is not None and theirs is not None else None,
        strata=gauges.parts(place),
        classes=(),
    )
