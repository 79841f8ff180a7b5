import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wavetrain.errors import RefusedError
from wavetrain.lab.layout import FLEET, POLICY, PopSize, lay_out, sizes_from
from wavetrain.lab.sites import source_address
from wavetrain.model.check_catalogue import NAMES
from wavetrain.model.policy import Kind
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.policy_file import read_policy


def test_the_labs_fleet_shares_all_sites_out() -> None:
    sizes = sizes_from(FLEET, sites=301, users=60, stubborn=10)
    assert [size.id for size in sizes] == ["lis1", "fra1", "jnb1"]
    assert [size.sites for size in sizes] == [101, 100, 100]
    assert sum(size.users for size in sizes) == 60
    assert [size.stubborn for size in sizes] == [4, 3, 3]
    assert all(len(size.nodes) == 4 for size in sizes)


def test_the_labs_policy_takes_checks_of_every_kind_from_the_catalogue() -> None:
    fleet = read_fleet(FLEET.read_text(), datetime(2027, 1, 12, tzinfo=UTC))
    verdicts = read_policy(POLICY.read_text(), fleet).verdicts
    assert {rule.name for rule in verdicts.metrics} < set(NAMES)
    assert {rule.kind for rule in verdicts.metrics} == set(Kind)
    assert verdicts.gauge_block_s * 8 <= verdicts.pre_period_s, (
        "gauges are calibrated on eight blocks at least"
    )


def test_frankfurt_and_johannesburg_open_at_the_same_instant_in_northern_winter() -> None:
    def opens(pop: dict[str, str], window: dict[str, str]) -> datetime:
        hour, minute = map(int, window["starts"].split(":"))
        return datetime(2027, 1, 12, hour, minute, tzinfo=ZoneInfo(pop["zone"])).astimezone(UTC)

    fleet = tomllib.loads(FLEET.read_text())
    starts = {pop["id"]: opens(pop, pop["window"]) for pop in fleet["pop"]}
    assert starts["fra1"] == starts["jnb1"] != starts["lis1"]


def test_every_socket_has_an_address_of_its_own(tmp_path: Path) -> None:
    pops = lay_out(tmp_path, sizes_from(FLEET, 3, 0, 0))
    places = [address for pop in pops for address in (pop.vip, pop.balancer_at, pop.sites_at)]
    places += [address for pop in pops for node in pop.nodes for address in (node.sessions_at, node.admin_at)]
    assert len(set(places)) == len(places) == 3 * 3 + 12 * 2


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [PopSize("a", ())],
        [PopSize("a", ("n1",)), PopSize("a", ("n2",))],
        [PopSize("a", ("n1",)), PopSize("b", ("n1",))],
    ],
)
def test_a_lab_that_cannot_be_is_refused(tmp_path: Path, sizes: list[PopSize]) -> None:
    with pytest.raises(RefusedError, match="lab: "):
        lay_out(tmp_path, sizes)


def test_no_two_sites_share_a_source_address() -> None:
    addresses = [source_address(pop, site) for pop in (0, 1, 199) for site in range(600)]
    assert len(set(addresses)) == len(addresses)
    assert all(0 <= int(part) <= 255 for address in addresses for part in address.split("."))
