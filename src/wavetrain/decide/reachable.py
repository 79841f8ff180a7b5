"""Reachable: may an address that somebody else has named be spoken to?"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052)."""


def refusal(address: str, allowed: Iterable[Network] = ()) -> str:
    """Why not; empty where it may be.

    Only public addresses may, and those of networks that the operator allows: else a customer could have the control
    plane speak to the operator's own machines.
    """
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address[:80]} is no address"
    found = _meant(given)
    if any(found.version == network.version and found in network for network in allowed):
        return ""
    for what, is_so in (
        ("this machine itself", found.is_loopback or found.is_unspecified),
        ("a link-local address", found.is_link_local),
        ("a multicast address", found.is_multicast),
        ("a private address", not found.is_global or found.is_reserved),
    ):
        if is_so:
            return f"{address} is {what}"
    return ""


def _meant(given: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address that is spoken to in the end, where one stands within another."""
    if isinstance(given, IPv4Address):
        return given
    inner = given.ipv4_mapped or given.sixtofour or (given.teredo[1] if given.teredo else None)
    if inner is None and given in _TRANSLATED:
        inner = IPv4Address(int(given) & 0xFFFFFFFF)
    return inner or given
