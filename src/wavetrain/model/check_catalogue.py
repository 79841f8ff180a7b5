"""Check catalogue: which checks suit the nodes of an edge PoP?

The names are those that the lab's gateways serve; a policy that takes a check over can give the names of its own nodes.
Weights are shares of the one error budget before they are made to sum to 1: most goes to what sites feel.
"""

from typing import Final

from wavetrain.model.health import RESTARTS, SAMPLES_ASKED, SAMPLES_MISSED
from wavetrain.model.policy import Direction, Kind, MetricRule

_PER_OPERATION: Final = "gateway_operations_total"
_SECONDS: Final = "gateway_up_seconds_total"

CATALOGUE: Final[tuple[MetricRule, ...]] = (
    MetricRule(
        name="sessions-lost",
        events="gateway_sessions_lost_total",
        exposure=_PER_OPERATION,
        weight=0.15,
        excess_max=0.0005,
    ),
    MetricRule(
        name="reconnect-time",
        kind=Kind.HISTOGRAM,
        histogram="gateway_reconnect_seconds",
        weight=0.1,
        excess_max=0.1,
        gate=False,
    ),
    MetricRule(
        name="handshake-failures",
        events="gateway_handshakes_failed_total",
        exposure="gateway_handshakes_total",
        weight=0.1,
        excess_max=0.01,
        gate=False,
    ),
    MetricRule(
        name="errors",
        events="gateway_operations_failed_total",
        exposure=_PER_OPERATION,
        weight=0.15,
        excess_max=0.002,
    ),
    MetricRule(
        name="crashes",
        events=RESTARTS,
        exposure=SAMPLES_ASKED,
        weight=0.1,
        excess_max=0.001,
        gate=False,
        history=True,
    ),
    MetricRule(
        name="drops",
        events="gateway_dropped_total",
        exposure=_PER_OPERATION,
        weight=0.1,
        excess_max=0.002,
        gate=False,
    ),
    MetricRule(
        name="latency",
        kind=Kind.HISTOGRAM,
        histogram="gateway_operation_seconds",
        weight=0.1,
        excess_max=0.1,
        gate=False,
    ),
    MetricRule(
        name="cpu",
        kind=Kind.GAUGE,
        gauge="process_cpu_seconds_total",
        weight=0.06,
        excess_max=0.1,
        gate=False,
    ),
    MetricRule(
        name="memory",
        kind=Kind.GAUGE,
        gauge="process_resident_memory_bytes",
        weight=0.06,
        excess_max=64e6,
        gate=False,
    ),
    MetricRule(
        name="throughput",
        direction=Direction.DOWN,
        events=_PER_OPERATION,
        exposure=_SECONDS,
        weight=0.03,
        margin_ratio=0.25,
        excess_max=1.0,
        gate=False,
    ),
    MetricRule(
        name="telemetry-lost",
        events=SAMPLES_MISSED,
        exposure=SAMPLES_ASKED,
        weight=0.05,
        excess_max=0.05,
        gate=False,
    ),
)
"""In the order in which people read them."""

NAMES: Final = tuple(rule.name for rule in CATALOGUE)
