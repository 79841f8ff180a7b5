"""The doctor looks at what measures the nodes: every trouble is named, with its way out."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.adapters.answering_source import AnsweringSource, matrix, told
from tests.wiring.test_doctor import House, house, only

from wavetrain.model.fleet import FIRST, NodeId, Phase, PopId, Reported
from wavetrain.wiring import doctor_source
from wavetrain.wiring.findings import Finding
from wavetrain.wiring.sources import PrometheusTable

__all__ = ["house"]

NAMES = {"operations_total": "gateway_operations_total", "held": "gateway_sessions"}


@pytest.fixture
def there() -> Iterator[AnsweringSource]:
    made = AnsweringSource()
    made.rows = lambda at: [
        ({**labels, "__name__": NAMES[labels["__name__"]]}, values) for labels, values in made.samples(at)
    ]
    yield made
    made.close()


def reporting(house: House, *nodes: str) -> None:
    house.fill()
    with house.store.write() as transaction:
        for node in nodes:
            transaction.put(
                Reported(
                    node=NodeId(node),
                    pop=PopId("lis1"),
                    generation=FIRST,
                    release="1.0",
                    phase=Phase.STEADY,
                    since=house.of.now,
                    metrics="http://127.0.0.1:1/metrics",
                )
            )


def asked(house: House, url: str, **keys: object) -> list[Finding]:
    health = msgspec.convert({"source": "prometheus", "url": url, **keys}, PrometheusTable)
    return house.asked(doctor_source.source, health=health)


def test_nodes_that_are_read_directly_need_nothing(house: House) -> None:
    only(house.asked(doctor_source.source), "ok", "read directly")


def test_a_source_that_knows_every_node_is_well(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1")
    found = asked(house, there.url)
    assert [item.state for item in found] == ["ok", "ok"], found
    assert "samples of 1 nodes, one every 0.1 s" in found[1].thing


def test_a_node_that_it_does_not_know_is_named(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1", "n2")
    only(asked(house, there.url)[1:], "warn", "no samples of n2", "see that it scrapes them")


def test_a_clock_that_is_off_is_told_in_seconds(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1")
    there.ahead_s = 90.0
    there.began += 90.0
    only(asked(house, there.url)[:1], "warn", "+90.0 s off", "NTP")


def test_samples_that_are_no_good_are_told_with_their_node(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1")
    only(asked(house, there.url, release_label="version")[1:], "fail", "n1: its series has no label version")


def test_nothing_there_and_a_part_are_failures(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1")
    there.data = lambda _: told(matrix([]), warnings=["store away"])
    only(asked(house, there.url)[1:], "fail", "only a part: store away", "docs/sources.md")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    only(asked(house, f"http://127.0.0.1:{port}"), "fail", "cannot be asked", "see that it runs")


def test_a_secret_that_cannot_be_read_is_a_failure(house: House, tmp_path: Path) -> None:
    only(asked(house, "http://127.0.0.1:9", token_file=str(tmp_path / "none")), "fail", "none cannot be read")


def test_scrapes_that_are_rarer_than_the_policy_waits_are_told(house: House, there: AnsweringSource) -> None:
    reporting(house, "n1")
    there.instants = lambda at: [float(int(at) // 60 * 60 - 60 * place) for place in range(12, -1, -1)]  # type: ignore[method-assign]
    found = asked(house, there.url)
    only(found[-1:], "warn", "it scrapes every 60 s, and telemetry_away_s is", "raise telemetry_away_s")
