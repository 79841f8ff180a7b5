"""Scrape: the nodes' own /metrics, read directly once a second."""

import http.client
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from wavetrain.adapters.own_counts import OwnCounts
from wavetrain.control.ports import Target
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import Observed, PopBin, Sample, SourceFigures, bucket, observations, selected
from wavetrain.wire.hurried import hurry

INTERVAL_S = 1.0
TIMEOUT_S = 0.8
BYTES_MAX = 1_000_000
FIGURE_MAX = 1e18
READERS = 8
RATE = "_total"
BINS_KEPT_MAX = 10_000
"""Bins that nobody asked for are dropped, oldest first."""


class Reading(msgspec.Struct, frozen=True):
    """One scrape of one node: totals by counter, its sessions and gauges, the release and start that it names."""

    at: float
    release: str
    started: float
    totals: dict[str, float]
    sessions: float
    levels: dict[str, float] = {}


def parse(
    text: str,
    counters: Sequence[str],
    sessions: str,
    at: float,
    histograms: Sequence[str] = (),
    gauges: Sequence[str] = (),
) -> Reading:
    """A reading from the Prometheus text format; the label sets of a name are summed. Raises ValueError.

    Also for a figure that is none: sums with NaN or infinity in them would stop the judgement of all nodes. A gauge
    may be none for a while: it is left out then. One that ends in `_total` is a counter, of which the growth counts.
    """
    totals: dict[str, float] = {}
    levels: dict[str, float] = {}
    summed = {*counters, *(observations(name) for name in histograms), *_rates(gauges)}
    buckets = {f"{name}_bucket": name for name in histograms}
    picked = _picked(counters)
    release, started, held = "", 0.0, 0.0
    for name, value, labels in _samples(text):
        if name in gauges and name not in summed:
            levels[name] = levels.get(name, 0.0) + value
        for key, wanted in picked.get(name, ()):
            if wanted.items() <= labels.items():
                totals[key] = totals.get(key, 0.0) + value
                release = labels.get("release", release)
        if name in summed:
            totals[name] = totals.get(name, 0.0) + value
            release = labels.get("release", release)
        elif name in buckets:
            bound = float(labels.get("le", "nan"))
            if math.isfinite(bound):
                key = bucket(buckets[name], bound)
                totals[key] = totals.get(key, 0.0) + value
        elif name == sessions:
            held += value
            release = labels.get("release", release)
        elif name.endswith("_start_time_seconds"):
            started = max(started, value)
    for figure in (*totals.values(), held, started):
        if not 0 <= figure <= FIGURE_MAX:
            raise ValueError(f"{figure} counts nothing")
    levels = {name: level for name, level in levels.items() if abs(level) <= FIGURE_MAX}
    return Reading(at, release, started, totals, held, levels)


def _picked(counters: Sequence[str]) -> Mapping[str, Sequence[tuple[str, Mapping[str, str]]]]:
    """By metric, the names that ask for some of its labels alone."""
    found: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for name in counters:
        base, labels = selected(name)
        if labels:
            found.setdefault(base, []).append((name, labels))
    return found


def _rates(gauges: Sequence[str]) -> list[str]:
    return [name for name in gauges if name.endswith(RATE)]


def _asked(counted: Mapping[str, float], target: Target) -> dict[str, float]:
    """Without the counters that only stand for the rate of a gauge."""
    only = set(_rates(target.gauges)) - set(target.counters)
    return {name: value for name, value in counted.items() if name not in only}


def _samples(text: str) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    """The parser has no errors of its own, and numbers of any size: what it stumbles over may be any."""
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield sample.name, float(sample.value), sample.labels
    except Exception as error:
        raise ValueError(f"no text format: {error!r}") from error


def increments(before: Reading | None, now: Reading) -> dict[str, float] | None:
    """What was counted between two readings of one program; None where there is nothing to compare with.

    Another release or another start is another program. A counter that went down was reset: it is left out, a
    missing exposure and never a zero.
    """
    if before is None or before.release != now.release or before.started != now.started:
        return None
    return {
        name: value - before.totals[name]
        for name, value in now.totals.items()
        if name in before.totals and value >= before.totals[name]
    }


class ScrapeSource:
    """The `HealthSource` that reads nodes itself. `close` ends its threads."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._targets: Mapping[NodeId, Target] = {}
        self._last: dict[NodeId, Reading] = {}
        self._bins: list[PopBin] = []
        self._own = OwnCounts()
        self._rounds = 0
        self._connections: dict[NodeId, http.client.HTTPConnection] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="scrape")
        self._thread = threading.Thread(target=self._run, name="scrape", daemon=True)
        self._thread.start()

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """Measure exactly these nodes from now on."""
        with self._lock:
            self._targets = dict(targets)
            self._last = {node: reading for node, reading in self._last.items() if node in targets}

    def observe(self) -> Observed:
        """The bins since the last call, with the age of each node's last reading."""
        now = time.monotonic()
        with self._lock:
            bins, self._bins = tuple(self._bins), []
            seen = {str(node): now - reading.at for node, reading in self._last.items()}
        return Observed(bins=bins, last_seen=seen)

    def figures(self) -> SourceFigures:
        """How it fared so far."""
        with self._lock:
            return SourceFigures(kind="scrape", answered=self._rounds, nodes=len(self._targets))

    def close(self) -> None:
        """End the threads; what was not observed is lost."""
        self._ended.set()
        self._thread.join()
        self._readers.shutdown(cancel_futures=True)
        for connection in self._connections.values():
            connection.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval_s, time.monotonic())
            self._round()

    def _round(self) -> None:
        with self._lock:
            targets = dict(self._targets)
        names = list(targets)
        readings = dict(
            zip(names, self._readers.map(lambda name: self._read(name, targets[name]), names), strict=True)
        )
        ended = time.monotonic()
        by_pop: dict[str, list[NodeId]] = {}
        for name in names:
            by_pop.setdefault(targets[name].pop, []).append(name)
        with self._lock:
            self._rounds += 1
            self._count(targets, readings)
            for pop, nodes in by_pop.items():
                made = self._bin(pop, nodes, readings, ended, targets)
                if made is not None:
                    self._bins.append(made)
            del self._bins[:-BINS_KEPT_MAX]
            read = {name: reading for name, reading in readings.items() if reading is not None}
            self._last |= {name: reading for name, reading in read.items() if name in self._targets}

    def _count(self, targets: Mapping[NodeId, Target], readings: Mapping[NodeId, Reading | None]) -> None:
        """What a node cannot count itself. Where nobody answers, it is the way there that is away."""
        self._own.keep(targets)
        is_away = not any(readings.values())
        for node, reading in readings.items():
            before = self._last.get(node)
            if reading is None:
                if not is_away:
                    self._own.missed(node)
            elif before is not None and before.release != reading.release:
                self._own.forget(node)
            elif before is not None and before.started and before.started != reading.started:
                self._own.restarted(node)

    def _bin(
        self,
        pop: str,
        nodes: list[NodeId],
        readings: Mapping[NodeId, Reading | None],
        ended: float,
        targets: Mapping[NodeId, Target],
    ) -> PopBin | None:
        samples, spans = [], []
        for node in nodes:
            reading, before, target = readings[node], self._last.get(node), targets[node]
            counted = increments(before, reading) if reading is not None else None
            if reading is None or counted is None or before is None:
                continue
            seconds = reading.at - before.at
            spans.append(seconds)
            rates = {
                name: counted[name] / seconds for name in _rates(target.gauges) if name in counted and seconds
            }
            samples.append(
                Sample(
                    node=node,
                    release=reading.release,
                    increments=_asked(counted, target) | self._own.told(node, target.counters),
                    sessions=reading.sessions,
                    levels=reading.levels | rates,
                )
            )
        if not samples or max(spans) <= 0:
            return None
        present = {sample.node for sample in samples}
        missing = tuple(node for node in nodes if node not in present)
        seconds = sum(spans) / len(spans)
        return PopBin(pop=PopId(pop), ended=ended, seconds=seconds, samples=tuple(samples), missing=missing)

    def _read(self, node: NodeId, target: Target) -> Reading | None:
        """One scrape, or None: a node that does not answer, or not in the format, is missing."""
        try:
            text = self._fetch(node, target.url)
            return parse(
                text,
                target.counters,
                target.sessions,
                time.monotonic(),
                target.histograms,
                target.gauges,
            )
        except (OSError, ValueError, http.client.HTTPException):
            self._drop(node)
            return None

    def _fetch(self, node: NodeId, url: str) -> str:
        place = urlsplit(url)
        connection = self._connections.get(node)
        if connection is None or (connection.host, connection.port) != (place.hostname, place.port):
            if place.scheme != "http" or place.hostname is None:
                raise ValueError(f"{url} is not an http address")
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=TIMEOUT_S)
            self._connections[node] = connection
        hurry(connection, TIMEOUT_S)
        connection.request("GET", place.path or "/metrics")
        answer = connection.getresponse()
        body = answer.read(BYTES_MAX + 1)
        if answer.status != 200 or len(body) > BYTES_MAX:
            raise ValueError(f"{url} answered {answer.status} with {len(body)} bytes")
        return body.decode()

    def _drop(self, node: NodeId) -> None:
        connection = self._connections.pop(node, None)
        if connection is not None:
            connection.close()
