"""Metrics: what does the control plane count for its own operators, in OpenMetrics or Prometheus' older text?"""

import ipaddress
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wavetrain.control.vitals import BOUNDS_S, Picture, Pulse, Spans, Vitals
from wavetrain.decide.permit import Act, require
from wavetrain.doors.health import Readiness
from wavetrain.doors.house import off_loop
from wavetrain.doors.intake import caller_of
from wavetrain.model.health import SourceFigures, Trouble

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Who sends one of these asks for somebody else: a proxy on loopback does not make the asker local."""
MEDIA_MAX = 20
"""Of the media types in a request, so many are read."""
POLL = "/v1/agent/poll"
DOORS = {
    "/v1/agent/": "agents",
    "/v1/": "operators",
    "/ofrep/": "evaluators",
    "/status": "status",
    "/api/v2/": "status",
    "/history.": "status",
}
"""Doors by how a path begins; everything else is counted as `house`."""


class Traffic:
    """Counts what is asked at the doors; an ASGI middleware. Lives on one event loop."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str]] = Counter()
        """By door and by the class of the status, e.g. `2xx`."""
        self.polls: Counter[str] = Counter()
        """By the class of the status."""
        self.waiting = 0
        """Polls that are held open now."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            path, status = scope["path"], "none"

            async def said(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = f"{message['status'] // 100}xx"
                await send(message)

            is_poll = path == POLL
            self.waiting += is_poll
            try:
                await app(scope, receive, said)
            except Exception:
                status = "5xx"  # the layer around this one will say so
                raise
            finally:
                self.waiting -= is_poll
                door = next((name for start, name in DOORS.items() if path.startswith(start)), "house")
                self.answered[door, status] += 1
                if is_poll:
                    self.polls[status] += 1

        return counted


class Metrics(Collector):
    """The endpoint `/metrics`. A scrape reads what the ticker remembers, and no records."""

    def __init__(
        self,
        vitals: Vitals,
        traffic: Traffic,
        running: Callable[[], float],
        ready: Readiness,
        source: Callable[[], SourceFigures] = SourceFigures,
    ) -> None:
        self._vitals, self._running, self._ready, self._source = vitals, running, ready, source
        self.traffic = traffic
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    async def answer(self, request: Request) -> Response:
        """On loopback without a login; from elsewhere, or through a proxy, for those who may read."""
        if not is_local(request):
            require(await caller_of(request), Act.READ)
        await self._ready.fresh()
        write, media = _format(request.headers.get("accept", ""))
        text = await off_loop(lambda: write(self._registry))
        return Response(text, headers={"Content-Type": media, "Cache-Control": "no-store", "Vary": "Accept"})

    def collect(self) -> Iterator[Metric]:
        """Every family, in one order."""
        yield InfoMetricFamily(
            "wavetrain_build", "The program.", {"version": version(), "python": platform.python_version()}
        )
        yield from _of_pulse(self._vitals.pulse, self._running())
        yield from self._of_doors()
        ready = GaugeMetricFamily("wavetrain_ready", "1 where a check of /readyz passed.", labels=["check"])
        for name, passed in self._ready.last().items():
            ready.add_metric([name], float(passed))
        yield ready
        yield from _of_source(self._source())
        picture = self._vitals.picture
        if picture is not None:
            yield from _of_picture(picture)

    def _of_doors(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            "wavetrain_requests", "Requests answered, by door and class of status.", labels=["door", "status"]
        )
        for (door, status), count in sorted(dict(self.traffic.answered).items()):
            asked.add_metric([door, status], count)
        yield asked
        reports = CounterMetricFamily(
            "wavetrain_reports", "Reports of nodes, by class of status.", labels=["status"]
        )
        for status, count in sorted(({"2xx": 0} | dict(self.traffic.polls)).items()):
            reports.add_metric([status], count)
        yield reports
        yield GaugeMetricFamily("wavetrain_polls_waiting", "Polls held open now.", self.traffic.waiting)


def _format(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """OpenMetrics, save for who asks for plain text alone: `promtool check metrics` reads nothing else."""
    asked = {one.partition(";")[0].strip() for one in accept.split(",", MEDIA_MAX)}
    if asked == {"text/plain"}:
        return exposition.generate_latest, exposition.CONTENT_TYPE_LATEST
    return generate_latest, CONTENT_TYPE_LATEST


def is_local(request: Request) -> bool:
    """Whether somebody on this machine asks for itself.

    By its address, without a proxy's headers, and by a name for loopback: a page in a browser here that was given
    our address under its own name asks for that name.
    """
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    return _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def version() -> str:
    """Of the program as it is installed."""
    try:
        return metadata.version("wavetrain")
    except metadata.PackageNotFoundError:
        return "unknown"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _of_pulse(pulse: Pulse, now: float) -> Iterator[Metric]:
    ended = CounterMetricFamily("wavetrain_ticks", "Ticks that ended, by how.", labels=["result"])
    ended.add_metric(["ok"], pulse.ticks - pulse.failed)
    ended.add_metric(["failed"], pulse.failed)
    yield ended
    yield CounterMetricFamily("wavetrain_tick_commits", "Commits of ticks: decisions taken.", pulse.commits)
    yield CounterMetricFamily(
        "wavetrain_tick_stale", "Choices not taken, because somebody else changed the facts.", pulse.stale
    )
    yield _histogram("wavetrain_tick_seconds", "How long ticks took.", pulse.took)
    yield _histogram(
        "wavetrain_commit_seconds", "From asking for a transaction to its commit.", pulse.written
    )
    if pulse.ended_at is not None:
        yield GaugeMetricFamily(
            "wavetrain_tick_age_seconds", "Since the last tick ended.", max(0.0, now - pulse.ended_at)
        )


def _of_source(figures: SourceFigures) -> Iterator[Metric]:
    yield InfoMetricFamily("wavetrain_source", "What measures the nodes.", {"kind": figures.kind})
    yield CounterMetricFamily(
        "wavetrain_source_answers", "Answers of the source of measurements.", figures.answered
    )
    troubles = CounterMetricFamily(
        "wavetrain_source_troubles", "What it did not answer as it should, by how.", labels=["trouble"]
    )
    for kind in Trouble:
        troubles.add_metric([kind.value], figures.troubles.get(kind.value, 0))
    yield troubles
    yield GaugeMetricFamily(
        "wavetrain_source_well",
        "1 where nothing is wrong with the source as a whole.",
        float(not figures.fault),
    )
    nodes = GaugeMetricFamily(
        "wavetrain_source_nodes", "Nodes that the source is asked for.", labels=["state"]
    )
    nodes.add_metric(["asked"], figures.nodes)
    nodes.add_metric(["refused"], len(figures.refused))
    yield nodes
    yield GaugeMetricFamily(
        "wavetrain_source_skew_seconds", "The source's clock ahead of ours.", figures.skew_s
    )


def _of_picture(picture: Picture) -> Iterator[Metric]:
    yield _counts("wavetrain_rollouts", "Rollouts, by status.", "status", picture.rollouts)
    holds = GaugeMetricFamily(
        "wavetrain_holds", "Waits of rollouts under way, by reason.", labels=["reason", "asks"]
    )
    for (reason, asks), count in sorted(picture.holds.items()):
        holds.add_metric([reason, "yes" if asks else "no"], count)
    yield holds
    yield _counts("wavetrain_nodes", "Nodes, by the phase that they report.", "phase", picture.nodes)
    yield _counts(
        "wavetrain_nodes_on_release",
        "Nodes, by the release that they report; the rarest ones together.",
        "release",
        picture.releases,
    )
    yield _counts(
        "wavetrain_set_aside", "What is quarantined, retired or cordoned.", "how", picture.set_aside
    )
    yield _counts("wavetrain_standstills", "What keeps everything at a stand.", "cause", picture.standstills)
    alerts = GaugeMetricFamily(
        "wavetrain_alerts",
        "Alerts to operators that wait, or that were given up.",
        labels=["channel", "state"],
    )
    for (channel, state), count in sorted(picture.alerts.items()):
        alerts.add_metric([channel, state], count)
    yield alerts
    evidence = GaugeMetricFamily(
        "wavetrain_evidence_ratio",
        "Evidence against a release under way, as a share of what makes it fail.",
        labels=["rollout"],
    )
    for name, ratio in picture.evidence.items():
        evidence.add_metric([name], ratio)
    yield evidence
    yield GaugeMetricFamily("wavetrain_slots_taken", "Disruption slots that units own.", picture.slots)
    yield GaugeMetricFamily("wavetrain_store_changes", "Number of the last change.", picture.sequence)
    yield GaugeMetricFamily(
        "wavetrain_picture_timestamp_seconds",
        "When these figures were gathered, on the store's clock.",
        picture.steady,
    )
    yield GaugeMetricFamily(
        "wavetrain_train_time_jumped_seconds", "Train time ahead of the store's clock.", picture.jumped_s
    )


def _counts(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, text: str, spans: Spans) -> Metric:
    return HistogramMetricFamily(name, text, buckets=list(_buckets(spans)), sum_value=spans.seconds)


def _buckets(spans: Spans) -> Iterable[tuple[str, float]]:
    """Counts up to each bound, as the format wants them."""
    total = 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), spans.counts, strict=True):
        total += count
        yield bound, float(total)
