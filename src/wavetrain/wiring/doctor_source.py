"""Doctor, source: does what the nodes are measured by answer, and does it know the nodes?"""

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from wavetrain.adapters import prometheus_look
from wavetrain.adapters.prometheus import CLOCK_STEP_S, STEPS_OLD_MAX, Settings
from wavetrain.adapters.promql_call import Call
from wavetrain.control.facts import policy_in
from wavetrain.control.targets import Target, asked_of
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import NodeId, Reported, Retired
from wavetrain.model.policy import CurrentPolicy, Policy, PolicyText
from wavetrain.wire.prometheus_answer import FaultyError
from wavetrain.wiring.doctor_store import NOT_SEEN, place_of
from wavetrain.wiring.findings import Finding, Installation, failed, listed, skipped, warned, well
from wavetrain.wiring.glance import TookTooLongError, glance
from wavetrain.wiring.sources import PrometheusTable, settings_of

NODES_MAX = 200
"""So many nodes are asked for; they are taken for all of them."""
INTERVALS_LEAST = 2.0


def source(of: Installation) -> Iterator[Finding]:
    """What measures the nodes answers, agrees on the time, and has samples of every node."""
    table = of.config.health
    if not isinstance(table, PrometheusTable):
        yield well("source", "the nodes' own /metrics are read directly")
        return
    try:
        settings = settings_of(table)
    except RefusedError as error:
        text, _, way_out = str(error).partition("; ")
        yield failed("source", text, "the files that [health] names can be read", way_out)
        return
    call = Call(settings.place)
    try:
        hour = prometheus_look.hour(call)
        yield _of_clock(table.url, hour)
        yield from _of_nodes(of, call, settings, hour)
    except FaultyError as error:
        yield failed(
            "source",
            f"{table.url}: {error}",
            "it answers what it is asked, wholly and in time",
            "see that it runs, and url, token_file and timeout_s in [health]; docs/sources.md lists what may be wrong",
        )
    finally:
        call.close()


def _of_clock(url: str, hour: prometheus_look.Hour) -> Finding:
    if abs(hour.skew_s) <= CLOCK_STEP_S:
        return well("source", f"{url} answers, and its clock agrees with this machine's")
    return warned(
        "source",
        f"the clock of {url} is {hour.skew_s:+.1f} s off this machine's",
        f"they agree within {CLOCK_STEP_S:g} s",
        "let NTP keep both; until then bins are placed by the source's clock",
    )


def _of_nodes(
    of: Installation, call: Call, settings: Settings, hour: prometheus_look.Hour
) -> Iterator[Finding]:
    known = _known(of)
    if known is None:
        yield skipped("source", NOT_SEEN)
        return
    targets, policies = known
    if not targets:
        yield skipped("source", "no node has said where its metrics are")
        return
    with ThreadPoolExecutor(1) as worker:
        interval_s = prometheus_look.interval(call, settings.labels, targets, hour.there, worker)
        begins = hour.there - max(STEPS_OLD_MAX * interval_s, settings.lag_s)
        seen = prometheus_look.look(call, settings.labels, targets, begins, hour.there, worker)
    if seen.refused:
        node, text = min(seen.refused.items())
        yield failed(
            "source",
            f"{node}: {text}" + (f"; so are {len(seen.refused) - 1} more" if len(seen.refused) > 1 else ""),
            "every node can be told by its samples",
            "see match, node_label and release_label in [health]",
        )
    unseen = sorted(targets.keys() - seen.tracks.keys() - seen.refused.keys())
    if unseen:
        yield warned(
            "source",
            f"no samples of {listed(unseen)}",
            "it has samples of every node that serves metrics",
            "see that it scrapes them; what is not measured is held",
        )
    if not unseen and not seen.refused:
        yield well("source", f"it has samples of {len(targets)} nodes, one every {interval_s:g} s")
    away_s = min((policy.bake.telemetry_away_s for policy in policies), default=float("inf"))
    if away_s < INTERVALS_LEAST * interval_s:
        yield warned(
            "source",
            f"it scrapes every {interval_s:g} s, and telemetry_away_s is {away_s:g}",
            f"telemetry_away_s is at least {INTERVALS_LEAST:g} times the time between two scrapes",
            "raise telemetry_away_s in [bake] of the policy, or have it scrape more often",
        )


def _known(of: Installation) -> tuple[Mapping[NodeId, Target], list[Policy]] | None:
    """The nodes that serve metrics with what is asked of them, and the rules; None where the store cannot be read."""
    with contextlib.suppress(UnreachableError, TookTooLongError), glance(place_of(of)) as look:
        texts = {item.digest: item for item in look.records(PolicyText)}
        policies = [
            policy_in(texts[item.digest], item.digest)
            for item in look.records(CurrentPolicy)
            if item.digest in texts
        ]
        retired = {item.node for item in look.records(Retired)}
        nodes = [item for item in look.records(Reported) if item.metrics and item.node not in retired]
        asked = asked_of(policies)
        return {item.node: Target(item.pop, item.metrics, *asked) for item in nodes[:NODES_MAX]}, policies
    return None
