"""Intake: is what a node says within its bounds?"""

import ipaddress
from datetime import date
from urllib.parse import urlsplit

from wavetrain.control.poll import Report, Visitor
from wavetrain.control.reconnects import Came
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import FIRST, NodeId
from wavetrain.wire.agent_messages import (
    DETAIL_CHARACTERS_MAX,
    POLL_BYTES_MAX,
    POLL_WAIT_S_MAX,
    Poll,
    ReconnectSaid,
    Say,
    VisitSaid,
)
from wavetrain.wire.json_message import read_message

NAME_CHARACTERS_MAX = 100
VISITS_MAX = 500
RECONNECTS_MAX = 500
SESSIONS_MAX = 1_000_000_000
METRICS_CHARACTERS_MAX = 200
CLOCK_S_MAX = 32_503_680_000.0
"""The year 3000, in seconds since the Unix epoch."""
_NEAR = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
        ),
    )
)
"""Loopback and the networks that are an operator's own (RFC 1918, RFC 6598, RFC 4193); link-local is not."""


def read_poll(body: bytes) -> Poll:
    """A node's poll, every field within its bounds."""
    what = "poll"
    if len(body) > POLL_BYTES_MAX:
        raise RefusedError(f"{what} has {len(body)} bytes; send at most {POLL_BYTES_MAX}")
    poll = read_message(body, Poll, what)
    if not 0 <= poll.wait_s <= POLL_WAIT_S_MAX:
        raise _bad(what, "$.wait_s", f"{poll.wait_s:g} s is out of range", f"give 0 to {POLL_WAIT_S_MAX:g}")
    if poll.known < FIRST:
        raise _bad(
            what, "$.known", f"{poll.known} is no generation", "give an era and a counter of 0 or more"
        )
    _check_say(what, poll.say)
    if len(poll.visits) > VISITS_MAX:
        raise _bad(
            what, "$.visits", f"there are {len(poll.visits)}", f"send at most {VISITS_MAX} in one poll"
        )
    if len(poll.reconnects) > RECONNECTS_MAX:
        raise _bad(
            what,
            "$.reconnects",
            f"there are {len(poll.reconnects)}",
            f"send at most {RECONNECTS_MAX} in one poll",
        )
    for index, visit in enumerate(poll.visits):
        _check_visit(what, f"$.visits[{index}]", visit)
    return poll


def report_of(say: Say) -> Report:
    """What the node says, as the use case takes it."""
    return Report(
        node=NodeId(say.node),
        generation=say.generation,
        release=say.release,
        phase=say.phase,
        detail=say.detail,
        metrics=say.metrics,
        boot=say.boot,
        clock=say.clock,
    )


def visitors_of(visits: tuple[VisitSaid, ...]) -> list[Visitor]:
    """The visits, as the use case takes them."""
    return [Visitor(account=item.account, day=item.day, sessions=item.sessions) for item in visits]


def came_of(said: tuple[ReconnectSaid, ...]) -> list[Came]:
    """The reconnects, as the use case takes them; it leaves out what cannot be."""
    return [
        Came(
            n=item.n,
            program=item.program[:NAME_CHARACTERS_MAX],
            session=item.session[:NAME_CHARACTERS_MAX],
            account=item.account[:NAME_CHARACTERS_MAX],
            is_user=item.kind == "user",
            before=item.before[:NAME_CHARACTERS_MAX],
            was=item.was[:NAME_CHARACTERS_MAX],
            lost_s=item.lost_ms / 1000,
            reason=item.reason[:NAME_CHARACTERS_MAX],
            ago_s=item.ago_s,
        )
        for item in said
    ]


def _check_say(what: str, say: Say) -> None:
    for field in ("node", "release", "boot"):
        value = getattr(say, field)
        if len(value) > NAME_CHARACTERS_MAX or not (value.isprintable() or not value):
            raise _bad(
                what,
                f"$.say.{field}",
                "it is too long or not printable",
                f"give at most {NAME_CHARACTERS_MAX} printable characters",
            )
    if min(say.generation.era, say.generation.counter) < 0:
        raise _bad(
            what, "$.say.generation", f"{say.generation} is no generation", "give numbers of 0 or more"
        )
    if not 0 <= say.clock <= CLOCK_S_MAX:
        raise _bad(what, "$.say.clock", f"{say.clock} is no time", "give seconds since 1970, or leave it out")
    if len(say.detail) > DETAIL_CHARACTERS_MAX:
        raise _bad(
            what,
            "$.say.detail",
            f"it has {len(say.detail)} characters",
            f"give at most {DETAIL_CHARACTERS_MAX}",
        )
    if say.metrics:
        _check_metrics(what, say.metrics)


def _check_metrics(what: str, url: str) -> None:
    """The control plane will fetch from there, so a node may name only an address of its own kind of network."""
    place, way_out = "$.say.metrics", "give http://ADDRESS:PORT/PATH with a loopback or private address"
    if len(url) > METRICS_CHARACTERS_MAX:
        raise _bad(what, place, f"it has {len(url)} characters", f"give at most {METRICS_CHARACTERS_MAX}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = ipaddress.ip_address(host)
    except ValueError:
        raise _bad(what, place, "it is not a URL with an IP address and a port", way_out) from None
    is_near = any(address in network for network in _NEAR)
    is_plain = parts.scheme in ("http", "https") and parts.username is None and parts.password is None
    if not is_near or not is_plain or port is None:
        raise _bad(what, place, "it is not a loopback or private http address", way_out)


def _check_visit(what: str, place: str, visit: VisitSaid) -> None:
    if not 0 < len(visit.account) <= NAME_CHARACTERS_MAX or not visit.account.isprintable():
        raise _bad(
            what, f"{place}.account", "it is no account's id", f"give 1 to {NAME_CHARACTERS_MAX} characters"
        )
    if not 0 <= visit.sessions <= SESSIONS_MAX:
        raise _bad(
            what, f"{place}.sessions", f"{visit.sessions} is out of range", "give a count of 0 or more"
        )
    try:
        is_day = date.fromisoformat(visit.day).isoformat() == visit.day
    except ValueError:
        is_day = False
    if not is_day:
        raise _bad(what, f"{place}.day", f"`{visit.day[:40]}` is no day", "give it as YYYY-MM-DD")


def _bad(what: str, place: str, rule: str, way_out: str) -> RefusedError:
    return RefusedError(f"{what}: at {place}: {rule}; {way_out}")
