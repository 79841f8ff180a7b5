"""Nothing but what is public may be spoken to, whatever form an address takes."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide.reachable import refusal

BAD = {
    "127.0.0.1": "this machine",
    "0.0.0.0": "this machine",
    "::1": "this machine",
    "::": "this machine",
    "::ffff:127.0.0.1": "this machine",
    "64:ff9b::7f00:1": "this machine",
    "2002:7f00:1::": "this machine",
    "169.254.169.254": "link-local",
    "::ffff:169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "198.18.0.1": "private",
    "192.0.2.1": "private",
    "240.0.0.1": "private",
    "255.255.255.255": "private",
    "fd00::1": "private",
    "2001:db8::1": "private",
    "64:ff9b::a00:1": "private",
    "localhost": "no address",
    "0x7f.1": "no address",
}


@pytest.mark.parametrize(("address", "says"), BAD.items())
def test_an_address_that_is_not_public_is_refused(address: str, says: str) -> None:
    assert says in refusal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_one_may_be_spoken_to(address: str) -> None:
    assert refusal(address) == ""


def test_an_operator_may_allow_networks_and_nothing_beside_them() -> None:
    allowed = (ip_network("10.8.0.0/16"), ip_network("fd00:8::/32"))
    for address in ("10.8.1.1", "fd00:8::1", "::ffff:10.8.1.1"):
        assert refusal(address, allowed) == ""
    for address in ("10.9.1.1", "fd00:9::1", "127.0.0.1"):
        assert refusal(address, allowed) != ""


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_judged_as_itself(address: object) -> None:
    inner = refusal(str(address)).partition(" is ")[2]
    assert refusal(f"::ffff:{address}").partition(" is ")[2] == inner
