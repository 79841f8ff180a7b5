"""Prometheus: what is measured on nodes, as a source says that speaks PromQL?

Bins lie on a grid of the source's own clock, and are told once, when the source had time to take in what belongs to
them. Nothing of an answer counts that is late, partial, or says what cannot be: then its nodes are not seen.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from wavetrain.adapters import prometheus_look
from wavetrain.adapters.native_histogram import Grid, grid
from wavetrain.adapters.own_counts import OwnCounts
from wavetrain.adapters.program_track import Mark, Told, Track
from wavetrain.adapters.prometheus_look import Hour, Seen
from wavetrain.adapters.promql import Labels, names
from wavetrain.adapters.promql_call import Call, Place
from wavetrain.control.ports import Target
from wavetrain.decide.plain_line import plain_line
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import Observed, PopBin, Sample, SourceFigures, Trouble
from wavetrain.wire.prometheus_answer import SAID_CHARACTERS, FaultyError

KIND = "prometheus"
ASKERS = 4
BINS_KEPT_MAX = 10_000
"""Bins that nobody asked for are dropped, oldest first."""
STEPS_BEHIND_MAX = 60
"""So many bins of the past are told at once after the source was away; older ones are left out."""
STEPS_OLD_MAX = 2
"""A node that was not scraped for longer begins anew."""
LAG_STEPS = 2.0
CLOCK_STEP_S = 2.0
PAUSE_S_MIN, PAUSE_S_MAX = 0.02, 1.0
IDLE_S = 0.05
CLOSE_EVERY_S = 0.1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the source is, how it names nodes, and how it is asked."""

    place: Place
    labels: Labels = Labels()
    step_s: float = 0.0
    """How long a bin is; 0: as long as the time between two scrapes."""
    lag_s: float = 0.0
    """How long after its end a bin is told; 0: so many bins as `LAG_STEPS`."""


class PrometheusSource:
    """The `HealthSource` that asks a source of metrics. `close` ends its threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._call = Call(settings.place)
        self._lock = threading.Lock()
        self._targets: Mapping[NodeId, Target] = {}
        self._fresh: dict[NodeId, float] = {}
        self._bins: deque[PopBin] = deque(maxlen=BINS_KEPT_MAX)
        self._figures = SourceFigures(kind=KIND)
        self._troubles: Counter[str] = Counter()
        # What follows belongs to the thread alone.
        self._marks: dict[NodeId, Mark] = {}
        self._own = OwnCounts()
        self._grids: dict[str, Grid] = {}
        self._hour: Hour | None = None
        self._base = 0.0
        self._step = settings.step_s
        self._closed = 0.0
        self._workers = ThreadPoolExecutor(ASKERS, thread_name_prefix="prometheus")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prometheus", daemon=True)
        self._thread.start()

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """Measure exactly these nodes from now on."""
        with self._lock:
            self._targets = dict(targets)
            self._fresh = {node: at for node, at in self._fresh.items() if node in targets}

    def observe(self) -> Observed:
        """The bins since the last call, with the age of each node's last sample, and what is wrong with the source."""
        now = time.monotonic()
        with self._lock:
            bins = tuple(self._bins)
            self._bins.clear()
            seen = {str(node): max(0.0, now - at) for node, at in self._fresh.items()}
            return Observed(bins=bins, last_seen=seen, fault=self._figures.fault, at=now)

    def figures(self) -> SourceFigures:
        """How the source fared so far."""
        with self._lock:
            return self._figures

    def close(self) -> None:
        """End the threads; what was not observed is lost."""
        self._ended.set()
        while self._thread.is_alive():
            self._call.close()  # again and again: it may be about to ask
            self._thread.join(CLOSE_EVERY_S)
        self._workers.shutdown(cancel_futures=True)
        self._call.close()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            pause = self._round()

    def _round(self) -> float:
        """Ask once, and lay what was said into bins; how long to wait before the next time."""
        with self._lock:
            targets = dict(self._targets)
        if not any(names(target) for target in targets.values()):
            self._say(SourceFigures(skew_s=self._figures.skew_s))
            return IDLE_S
        self._own.keep(targets)
        refused: Mapping[str, str] = {}
        try:
            hour = self._asked_hour()
            if not self._step:
                self._step = prometheus_look.interval(
                    self._call,
                    self._settings.labels,
                    targets,
                    hour.there,
                    self._workers,
                    sum(self._troubles.values()),
                )
            refused = self._laid(targets, hour)
        except FaultyError as error:
            self._troubled(error.trouble, str(error), len(targets))
            return min(PAUSE_S_MAX, self._step or PAUSE_S_MAX)
        except Exception as error:  # an answer that nobody foresaw must not end the thread
            text = plain_line(f"the source's answer cannot be read: {error!r}", SAID_CHARACTERS)
            self._troubled(Trouble.UNREADABLE, text, len(targets))
            return PAUSE_S_MAX
        self._say(
            SourceFigures(
                answered=self._figures.answered + 1, skew_s=hour.skew_s, nodes=len(targets), refused=refused
            )
        )
        due = self._closed + self._step + self._lag - (hour.there + time.monotonic() - hour.steady)
        return min(max(due, PAUSE_S_MIN), PAUSE_S_MAX)

    @property
    def _lag(self) -> float:
        return self._settings.lag_s or LAG_STEPS * self._step

    def _asked_hour(self) -> Hour:
        """What time it is there. A clock that was set anew begins a new count; what is between is not seen."""
        now, before = prometheus_look.hour(self._call), self._hour
        self._hour = now
        if before is not None:
            stepped = (now.there - before.there) - (now.steady - before.steady)
            if abs(stepped) > CLOCK_STEP_S:
                self._marks.clear()
                self._closed = 0.0
                way = "ahead" if stepped > 0 else "back"
                raise FaultyError(
                    Trouble.CLOCK, f"the source's clock went {way} by {abs(stepped):.1f} s; see what keeps it"
                )
        return now

    def _laid(self, targets: Mapping[NodeId, Target], hour: Hour) -> Mapping[str, str]:
        """Close the bins that are due; the nodes whose samples are no good."""
        step, ripe = self._step, hour.there - self._lag
        if not self._closed:
            self._base = hour.steady - hour.there
            self._closed = math.floor(ripe / step) * step
        self._closed = max(self._closed, math.floor(ripe / step - STEPS_BEHIND_MAX) * step)
        begins = self._closed - (STEPS_OLD_MAX + 1) * step
        seen = prometheus_look.look(
            self._call, self._settings.labels, targets, begins, hour.there, self._workers
        )
        if not seen.tracks and not seen.refused:
            raise FaultyError(Trouble.EMPTY, prometheus_look.nothing_of(targets, self._settings.labels))
        self._widen(targets, seen.tracks.values())
        refused = dict(seen.refused)
        first = round(self._closed / step)
        for number in range(first, math.floor(ripe / step + 1e-9)):
            self._close(targets, seen, refused, number * step, (number + 1) * step)
            self._closed = (number + 1) * step
        now = time.monotonic()
        with self._lock:
            for node, track in seen.tracks.items():
                if node in self._targets and node not in refused and track.newest is not None:
                    # By the source's clock as of now: against the one that bins are placed by it may drift.
                    age = max(0.0, hour.there - track.newest)
                    self._fresh[node] = min(now, hour.steady - age)
        if refused and len(refused) == len(targets):
            node, text = min(refused.items())
            raise FaultyError(Trouble.UNREADABLE, f"no node can be told by its samples; {node}: {text}")
        return {str(node): text for node, text in refused.items()}

    def _close(
        self,
        targets: Mapping[NodeId, Target],
        seen: Seen,
        refused: dict[NodeId, str],
        begins: float,
        ends: float,
    ) -> None:
        """Tell the bin of each PoP between two instants of the source's clock."""
        samples: dict[str, list[Sample]] = {}
        missing: dict[str, list[NodeId]] = {}
        spans: dict[str, list[float]] = {}
        silent: list[NodeId] = []
        for node, target in targets.items():
            told = None
            try:
                told = self._told(node, seen, refused, begins, ends)
            except RefusedError as error:
                refused[node] = plain_line(str(error), SAID_CHARACTERS)
                self._marks.pop(node, None)
            if told is None:
                silent.append(node)
            if told is None or told.increments is None:
                missing.setdefault(target.pop, []).append(node)
                continue
            spans.setdefault(target.pop, []).append(told.seconds)
            counted = told.increments | self._own.told(node, target.counters)
            samples.setdefault(target.pop, []).append(
                Sample(
                    node=node,
                    release=told.mark.release,
                    increments=counted,
                    sessions=told.sessions,
                    levels=told.levels,
                )
            )
        if samples:  # else it is the source that was away
            for node in silent:
                self._own.missed(node)
        with self._lock:
            for pop, items in samples.items():
                self._bins.append(
                    PopBin(
                        pop=PopId(pop),
                        ended=ends + self._base,
                        seconds=sum(spans[pop]) / len(spans[pop]),
                        samples=tuple(items),
                        missing=tuple(missing.get(pop, ())),
                    )
                )

    def _told(
        self, node: NodeId, seen: Seen, refused: Mapping[NodeId, str], begins: float, ends: float
    ) -> Told | None:
        track = seen.tracks.get(node)
        if track is None or node in refused:
            return None
        before = self._marks.get(node)
        told = track.between(before, begins, ends, begins - STEPS_OLD_MAX * self._step, self._grids)
        if told is None:
            return None
        self._marks[node] = told.mark
        if before is not None and before.release != told.mark.release:
            self._own.forget(node)
        if told.restarted:
            self._own.restarted(node)
        return told

    def _widen(self, targets: Mapping[NodeId, Target], tracks: Iterable[Track]) -> None:
        """The bounds of native histograms: the same for all nodes, and never fewer than before."""
        histograms = {name for target in targets.values() for name in target.histograms}
        found = list(tracks) if histograms else []
        for name in histograms:
            known = self._grids.get(name, ())
            spans = [(known[0], known[-1])] if known else []
            reached = [span for track in found if (span := track.reach(name)) is not None]
            bounds = [bound for span in (*spans, *reached) for bound in span]
            if reached:
                self._grids[name] = grid(min(bounds), max(bounds))

    def _troubled(self, trouble: Trouble, text: str, nodes: int) -> None:
        self._troubles[trouble.value] += 1
        self._say(
            SourceFigures(
                answered=self._figures.answered, fault=text, skew_s=self._figures.skew_s, nodes=nodes
            )
        )

    def _say(self, figures: SourceFigures) -> None:
        answered = max(figures.answered, self._figures.answered)
        with self._lock:
            self._figures = msgspec.structs.replace(
                figures, kind=KIND, answered=answered, troubles=dict(self._troubles)
            )
