"""Scorecard methods: who is compared, how does each score a train, where does it stop one?

A method scores metrics, (trains, metrics, ..., looks), and trains by all their metrics, (trains, looks). It stops a
train at the first look whose score reaches its threshold; the higher the threshold, the fewer it stops.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.special import ndtri

from wavetrain.errors import RefusedError
from wavetrain.evidence.budget import log_threshold
from wavetrain.evidence.counters import Array
from wavetrain.simulate import (
    rival_cusum,
    rival_group_sequential,
    rival_kayenta,
    rival_thresholds,
    rival_z,
    scorecard_ours,
)
from wavetrain.simulate.rival_thresholds import LOOSE, TIGHT, USUAL, Setting
from wavetrain.simulate.scorecard_evidence import Arms, Evidence, Gauge
from wavetrain.simulate.scorecard_ours import Parts, Reading
from wavetrain.simulate.scorecard_worlds import LOOKS, METRICS

ALPHA: Final = 1e-3
"""What every method that knows how is asked to promise."""
OURS: Final = "wavetrain"
WITHOUT: Final = f"{OURS} without "
LATE: Final = f"{WITHOUT}late onset"
LOCKED: Final = f"{OURS} with placebo lock"

Train = Callable[[Array], Array]


class Method(Struct, frozen=True):
    """`family` are those that share the scores of metrics, and differ in what they make of them."""

    name: str
    family: str
    score: Callable[[Evidence], Array]
    together: Train
    threshold: float


def methods(names: tuple[str, ...] = ()) -> tuple[Method, ...]:
    """Those of these names, all without any. Raises RefusedError for one that does not exist."""
    every = (*_ours(names), *_rivals())
    known = [method.name for method in every]
    for name in names:
        if name not in known:
            raise RefusedError(f"no method is called {name}; there are: {', '.join(known)}")
    return tuple(method for method in every if not names or method.name in names)


def is_ours(name: str) -> bool:
    """Whether a row is our own test, whole or in parts."""
    return name.startswith(OURS)


def _ours(asked: Sequence[str]) -> list[Method]:
    """Rows that read the same processes are one family: they are run once, for the readings that are asked for."""
    whole, out = Parts(), []
    rows: tuple[tuple[str, Parts, Reading, Train], ...] = (
        (OURS, whole, Reading.WHOLE, scorecard_ours.together),
        (LATE, whole, Reading.PLAIN, scorecard_ours.together),
        (f"{WITHOUT}strata", whole, Reading.POOLED, scorecard_ours.together),
        (f"{WITHOUT}budget", whole, Reading.WHOLE, _highest),
        (f"{WITHOUT}offset", Parts(offset=False), Reading.WHOLE, scorecard_ours.together),
        (f"{WITHOUT}phi", Parts(phi=False), Reading.WHOLE, scorecard_ours.together),
        (f"{WITHOUT}tau", Parts(tau=False), Reading.WHOLE, scorecard_ours.together),
        (f"{WITHOUT}caps", Parts(caps=False), Reading.WHOLE, scorecard_ours.together),
    )
    for name, parts, reading, train in rows:
        alike = [(other, read) for other, held, read, _ in rows if held == parts]
        readings = tuple(dict.fromkeys(read for other, read in alike if not asked or other in asked))
        place = readings.index(reading) if reading in readings else 0
        out.append(
            Method(
                name,
                alike[0][0],
                partial(_our_score, parts, readings),
                partial(_our_train, place, train),
                log_threshold(ALPHA),
            )
        )
    return [*out, Method(LOCKED, LOCKED, _locked_score, scorecard_ours.together, log_threshold(ALPHA))]


def _our_score(parts: Parts, readings: tuple[Reading, ...], evidence: Evidence) -> Array:
    return scorecard_ours.log_es(evidence.streams, parts, readings)


def _our_train(place: int, train: Train, by_metric: Array) -> Array:
    return train(by_metric[:, :, place])


def _locked_score(evidence: Evidence) -> Array:
    """Ours, less what the lock of each train's fleet asks for beyond the promise's threshold."""
    locks = [history.lock for history in evidence.streams.histories]
    beyond = [
        (np.inf if lock is None or lock.threshold is None else lock.threshold) - log_threshold(ALPHA)
        for lock in locks
    ]
    scores = scorecard_ours.log_es(evidence.streams, Parts())[:, :, 0]
    out: Array = scores - np.array(beyond)[:, None, None]
    return out


def _rivals() -> list[Method]:
    kayenta = [
        Method(
            name,
            "kayenta",
            _scorer(_kayenta_counts, lambda gauge: rival_kayenta.scores(gauge.new, gauge.control)),
            partial(rival_kayenta.together, rank=rank),
            float(ndtri(1 - (1 - rival_kayenta.CONFIDENCE) / 2)),
        )
        for name, rank in (
            ("kayenta any", 1),
            ("kayenta 95", rival_kayenta.failed_share_rank(95, METRICS)),
            ("kayenta 75", rival_kayenta.failed_share_rank(75, METRICS)),
        )
    ]
    thresholds = [
        Method(
            name,
            name,
            _thresholds(setting),
            partial(rival_thresholds.together, setting=setting),
            setting.ratio,
        )
        for name, setting in (("threshold x1.5", TIGHT), ("threshold x2", USUAL), ("threshold x3", LOOSE))
    ]
    cusum = rival_cusum.threshold(METRICS, LOOKS, ALPHA)
    return [
        *kayenta,
        *thresholds,
        Method("cusum history", "cusum history", _scorer(_cusum_history, _cusum_gauge), _highest, cusum),
        Method("cusum control", "cusum control", _scorer(_cusum_control, _cusum_difference), _highest, cusum),
        Method(
            "z bonferroni",
            "z",
            _scorer(
                lambda arms: rival_z.of_counts(*_both(arms)),
                lambda gauge: rival_z.of_gauge(gauge.new - gauge.control, gauge.difference_sd),
            ),
            _highest,
            rival_z.threshold(METRICS, ALPHA),
        ),
        Method(
            "group sequential",
            "group sequential",
            _scorer(
                lambda arms: rival_group_sequential.of_counts(*_both(arms), arms.rates),
                lambda gauge: rival_group_sequential.of_gauge(gauge.new - gauge.control, gauge.difference_sd),
            ),
            _highest,
            rival_group_sequential.threshold(METRICS, ALPHA),
        ),
    ]


def _scorer(
    of_counts: Callable[[Arms], Array], of_gauge: Callable[[Gauge], Array]
) -> Callable[[Evidence], Array]:
    def score(evidence: Evidence) -> Array:
        parts = []
        if evidence.gauge is not None:
            parts.append(of_gauge(evidence.gauge)[:, None])
        if evidence.arms is not None:
            parts.append(of_counts(evidence.arms))
        return np.concatenate(parts, axis=1)

    return score


def _thresholds(setting: Setting) -> Callable[[Evidence], Array]:
    return _scorer(
        lambda arms: rival_thresholds.of_counts(arms.new_events, arms.new_exposure, arms.rates, setting),
        lambda gauge: rival_thresholds.of_gauge(gauge.new, gauge.mean, setting),
    )


def _kayenta_counts(arms: Arms) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        new, control = arms.new_events / arms.new_exposure, arms.control_events / arms.control_exposure
    return rival_kayenta.scores(new, control)


def _both(arms: Arms) -> tuple[Array, Array, Array, Array]:
    return arms.new_events, arms.new_exposure, arms.control_events, arms.control_exposure


def _cusum_history(arms: Arms) -> Array:
    return rival_cusum.against_history(arms.new_events, arms.new_exposure, arms.rates)


def _cusum_control(arms: Arms) -> Array:
    return rival_cusum.against_control(*_both(arms))


def _cusum_gauge(gauge: Gauge) -> Array:
    return rival_cusum.of_gauge(gauge.new, gauge.mean, gauge.sd)


def _cusum_difference(gauge: Gauge) -> Array:
    return rival_cusum.of_gauge(gauge.new - gauge.control, 0.0, gauge.difference_sd)


def _highest(by_metric: Array) -> Array:
    out: Array = by_metric.max(axis=1)
    return out
