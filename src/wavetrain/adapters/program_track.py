"""Program track: what did the program on a node count between two instants, by the raw samples of a source?

Increments are differences of samples that there are, so nothing is guessed: what a counter had when its labels first
appeared is counted, what was counted before is not, and a counter that went down is left out.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from wavetrain.adapters.native_histogram import Grid, between_bounds, reach
from wavetrain.adapters.promql import STARTS, Labels
from wavetrain.control.ports import Target
from wavetrain.errors import RefusedError
from wavetrain.model.health import bucket, observations, selected
from wavetrain.wire.prometheus_answer import Series, Spread

FIGURE_MAX = 1e18
RATE = "_total"
"""Of a gauge whose name ends so, which is a counter, the growth per second is taken."""

Samples = Sequence[tuple[float, float]]


class Mark(NamedTuple):
    """Up to where a node was counted: its program by the labels `job` and `instance`, when, on which release."""

    program: tuple[str, str]
    at: float
    release: str
    started: float | None


class Told(NamedTuple):
    """What a node's program did until `mark`; `increments` is None where there is nothing to compare with."""

    mark: Mark
    increments: dict[str, float] | None = None
    levels: dict[str, float] = {}
    sessions: float = 0.0
    seconds: float = 0.0
    restarted: bool = False
    """Whether the release that ran already was started again."""


class _Program:
    """The samples of one target of the source."""

    def __init__(self) -> None:
        self.counters: dict[str, list[Samples]] = {}
        self.spreads: dict[str, list[Sequence[tuple[float, Spread]]]] = {}
        self.gauges: dict[str, list[Samples]] = {}
        self.sessions: list[Samples] = []
        self.starts: list[Samples] = []
        self.releases: list[tuple[str, Sequence[float]]] = []
        self.instants: list[float] = []

    def instant(self, after: float, until: float) -> float | None:
        """The last scrape within a span."""
        return max((at for at in self.instants if after < at <= until), default=None)

    def started(self, until: float) -> float | None:
        """When the program says that it began, as of an instant."""
        said = [samples[-1][1] for samples in (_until(item, until) for item in self.starts) if samples]
        return max(said, default=None)


class Track:
    """The samples of one node, sorted. Raises `RefusedError` for samples that nothing can be told by."""

    def __init__(self, target: Target, labels: Labels, series: Iterable[Series]) -> None:
        self._target, self._labels = target, labels
        self._rates = [name for name in target.gauges if name.endswith(RATE)]
        self._summed = {*target.counters, *self._rates}
        self._picked = [(key, *selected(key)) for key in target.counters if selected(key)[1]]
        self._unasked = set(self._rates) - set(target.counters)
        self._loose: list[tuple[str, Sequence[float]]] = []
        self._programs: dict[tuple[str, str], _Program] = {}
        for item in series:
            self._sort(item._replace(samples=_without_markers(item.samples)))
        for key, program in self._programs.items():
            program.instants = _scrapes(key, program)
        self._programs = {key: program for key, program in self._programs.items() if program.instants}
        self._check_alone()
        if self._programs:
            last = max(self._programs.values(), key=lambda program: program.instants[-1])
            self._release(last, last.instants[-1])

    @property
    def newest(self) -> float | None:
        """The last scrape."""
        return max((program.instants[-1] for program in self._programs.values()), default=None)

    @property
    def instants(self) -> list[list[float]]:
        """The scrapes of each program."""
        return [program.instants for program in self._programs.values()]

    def reach(self, histogram: str) -> tuple[float, float] | None:
        """Between which bounds the buckets of a native histogram lie."""
        return reach(
            spread
            for program in self._programs.values()
            for spreads in program.spreads.get(histogram, [])
            for _, spread in spreads
        )

    def between(
        self, before: Mark | None, begins: float, ends: float, oldest: float, grids: Mapping[str, Grid]
    ) -> Told | None:
        """What was counted since `before` and until the last scrape of the span; None where there was no scrape.

        A mark from before `oldest` is too old: what happened since then would be told as of this span.
        """
        scrapes = {key: program.instant(begins, ends) for key, program in self._programs.items()}
        there = [(at, key) for key, at in scrapes.items() if at is not None]
        if not there:
            return None
        at, key = max(there)
        program = self._programs[key]
        mark = Mark(key, at, self._release(program, at), program.started(at))
        if before is None:
            return Told(mark)
        is_other = mark.started != before.started
        if key != before.program or is_other or before.at < oldest or mark.release != before.release:
            known = None not in (mark.started, before.started)
            return Told(mark, restarted=is_other and known and mark.release == before.release)
        if self._changed_release(program, before, at):
            return Told(mark)
        counted = {name: _grown(items, before.at, at) for name, items in program.counters.items()}
        increments = {name: value for name, value in counted.items() if value is not None}
        for name, items in program.spreads.items():
            if observations(name) not in program.counters:  # else it is served both ways
                increments |= between_bounds(name, items, before.at, at, grids.get(name, ()))
        seconds = at - before.at
        levels = {name: _level(items, begins, at) for name, items in program.gauges.items()}
        levels |= {name: increments.get(name, math.nan) / seconds for name in self._rates}
        return Told(
            mark,
            {name: value for name, value in increments.items() if name not in self._unasked},
            {name: value for name, value in levels.items() if math.isfinite(value)},
            _level(program.sessions, begins, at) if program.sessions else 0.0,
            seconds,
        )

    def _sort(self, item: Series) -> None:
        target, labels, name = self._target, item.labels, item.labels.get("__name__", "")
        release = labels.get(self._labels.release, "")
        at = [instant for instant, _ in (*item.samples, *item.spreads)]
        key = (labels.get("job", ""), labels.get("instance", ""))
        program = self._programs.setdefault(key, _Program())
        if name == self._labels.release_info:
            program.releases.append((release, at))
            self._loose.append((release, at))
            return
        if name.endswith(STARTS) and name not in target.gauges:
            program.starts.append(_counted(name, item.samples))
            return
        if not self._labels.release_info and release:
            program.releases.append((release, at))
        for asked, base, wanted in self._picked:
            if name == base and wanted.items() <= labels.items():
                program.counters.setdefault(asked, []).append(_counted(name, item.samples))
        if name in self._summed:
            program.counters.setdefault(name, []).append(_counted(name, item.samples))
        elif name == target.sessions:
            program.sessions.append(_counted(name, item.samples))
        if name in target.gauges and name not in self._rates:
            program.gauges.setdefault(name, []).append(item.samples)
        self._sort_histogram(program, name, item)

    def _sort_histogram(self, program: _Program, name: str, item: Series) -> None:
        for base in self._target.histograms:
            if name == base and item.spreads:
                _counted(name, [(at, spread.total) for at, spread in item.spreads])
                program.spreads.setdefault(base, []).append(item.spreads)
            elif name == observations(base):
                program.counters.setdefault(name, []).append(_counted(name, item.samples))
            elif name == f"{base}_bucket":
                bound = _bound(item.labels.get("le", ""))
                if math.isfinite(bound):
                    kept = program.counters.setdefault(bucket(base, bound), [])
                    kept.append(_counted(name, item.samples))

    def _check_alone(self) -> None:
        """Two targets that are one node's at the same time would count everything twice."""
        ordered = sorted(self._programs.items(), key=lambda item: item[1].instants[0])
        for (first, one), (second, other) in itertools.pairwise(ordered):
            if one.instants[-1] > other.instants[0]:
                raise RefusedError(
                    f"two targets measure it at once, {_told(first)} and {_told(second)}; narrow them with match"
                )

    def _release(self, program: _Program, at: float) -> str:
        newest: dict[str, float] = {}
        for release, instants in program.releases or self._loose:
            last = max((instant for instant in instants if instant <= at), default=None)
            if last is not None:
                newest[release] = max(last, newest.get(release, last))
        if not newest or newest.keys() == {""}:
            where = self._labels.release_info or "its series"
            raise RefusedError(
                f"{where} has no label {self._labels.release}; set release_label or release_info"
            )
        last = max(newest.values())
        named = [release for release, instant in newest.items() if instant == last]
        if len(named) > 1:
            raise RefusedError(
                f"it runs {' and '.join(sorted(named))} at once, by the label {self._labels.release}"
            )
        return named[0]

    def _changed_release(self, program: _Program, before: Mark, at: float) -> bool:
        said = program.releases or self._loose
        return any(
            release != before.release and any(before.at < instant <= at for instant in instants)
            for release, instants in said
        )


def _scrapes(key: tuple[str, str], program: _Program) -> list[float]:
    """When a target was scraped. Every series of a scrape has its instant: others than these are other scrapes."""
    sets: list[set[float]] = [
        {at for at, _ in samples}
        for items in (*program.counters.values(), *program.gauges.values(), program.sessions)
        for samples in items
    ]
    sets += [{at for at, _ in spreads} for items in program.spreads.values() for spreads in items]
    fullest = max(sets, key=len, default=set())
    for instants in sets:
        if len(instants) > 1 and len(fullest) > 1 and not instants & fullest and _overlap(instants, fullest):
            raise RefusedError(
                f"its series of {_told(key)} come from two scrapes at once; have the source leave out its replicas' "
                "doubles, or narrow them with match"
            )
    return sorted(set().union(*sets))


def _overlap(one: set[float], other: set[float]) -> bool:
    return min(one) < max(other) and min(other) < max(one)


def _grown(items: Iterable[Samples], before: float, at: float) -> float | None:
    """By how much label sets grew together; None where one was reset, or none was seen."""
    total, was_seen = 0.0, False
    for samples in items:
        first = last = None
        for instant, value in samples:
            if instant > at:
                break
            if instant <= before:
                first = last = value
                continue
            was_seen = True
            if first is None:
                first = last = 0.0  # the scrape before did not have these labels: they begin at nothing
            if last is not None and value < last:
                return None
            last = value
        if first is not None and last is not None:
            total += last - first
    return total if was_seen else None


def _level(items: Iterable[Samples], begins: float, at: float) -> float:
    """The sum of the label sets of the last scrape that has any; NaN for none."""
    last = [samples[-1] for samples in (_until(item, at) for item in items) if samples]
    newest = max((instant for instant, _ in last if instant > begins), default=None)
    if newest is None:
        return math.nan
    level = math.fsum(value for instant, value in last if instant == newest)
    return level if abs(level) <= FIGURE_MAX else math.nan


def _without_markers(samples: Samples) -> Samples:
    """Without the NaN by which VictoriaMetrics tells that labels are gone; Prometheus leaves it out itself.

    It comes alone, after a number. A counter that is NaN is so at every scrape.
    """
    if not any(math.isnan(value) for _, value in samples):
        return samples
    are = [math.isnan(value) for _, value in samples]
    alone = [is_none and place > 0 and not are[place - 1] for place, is_none in enumerate(are)]
    follows = [*are[1:], False]
    return [
        sample
        for sample, is_alone, goes_on in zip(samples, alone, follows, strict=True)
        if not is_alone or goes_on
    ]


def _until(samples: Samples, at: float) -> Samples:
    return [sample for sample in samples if sample[0] <= at]


def _counted(name: str, samples: Samples) -> Samples:
    for _, value in samples:
        if not 0 <= value <= FIGURE_MAX:
            raise RefusedError(f"{name} is {value}, which counts nothing")
    return samples


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RefusedError(f'a bucket has le="{text[:40]}", which is no bound') from None


def _told(key: tuple[str, str]) -> str:
    return f'{{job="{key[0]}",instance="{key[1]}"}}'
