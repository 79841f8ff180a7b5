"""Limits: how often may somebody ask?"""

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wavetrain.decide.permit import Caller
from wavetrain.doors.failures import failed
from wavetrain.model.access import Role

KEYS_MAX = 100_000
"""Of so many callers or addresses is known how often they asked; those that asked longest ago are forgotten."""
_ROUNDING = 1e-6
_SITE_BITS = 64
"""Whoever has one IPv6 address has the whole network of this length."""


class Rate(msgspec.Struct, frozen=True):
    """So many at once, and then so many a second."""

    burst: int
    per_s: float


ADDRESS = Rate(2_000, 500.0)
"""Requests of any kind from one address; a PoP's nodes may share one, and come all at once after an outage."""
FAILED = Rate(20, 20 / 60)
"""Requests from one address that nobody stands behind."""
JOIN = Rate(60, 10 / 60)
"""Attempts to join from one address: a rack of new nodes at once."""
PAGE = Rate(120, 10.0)
"""Public pages to one address, behind which a whole office may be."""
NODE = Rate(20, 5.0)
PERSON = Rate(200, 50.0)
EVALUATOR = Rate(50_000, 20_000.0)
"""A program asks for each page that it shows; official clients ask nothing for a while once they were refused."""


class Buckets:
    """A token bucket for each key. For one thread: the doors' loop."""

    def __init__(self, rate: Rate, clock: Callable[[], float], keys_max: int = KEYS_MAX) -> None:
        self._rate, self._clock, self._keys_max = rate, clock, keys_max
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one; 0, or in how many seconds there will be one."""
        now = self._clock()
        left, at = self._left.pop(key, (float(self._rate.burst), now))
        left = min(float(self._rate.burst), left + max(0.0, now - at) * self._rate.per_s)
        wait_s = 0.0 if left >= 1 - _ROUNDING else (1 - left) / self._rate.per_s
        self._left[key] = (left if wait_s else left - 1, now)
        if len(self._left) > self._keys_max:
            self._left.popitem(last=False)
        return wait_s

    def __len__(self) -> int:
        return len(self._left)


class TooOftenError(Exception):
    """Answered with 429."""

    def __init__(self, who: str, what: str, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"{who} {what} too often; ask again in {self.wait_s} s")


class Limits:
    """How often each caller and each address may ask at the doors of one control plane.

    A good credential passes although others fail at the same address, or a stranger behind the same gateway could
    shut an operator out; secrets are too long to be guessed at any rate.
    """

    def __init__(self, clock: Callable[[], float], keys_max: int = KEYS_MAX) -> None:
        def buckets(rate: Rate) -> Buckets:
            return Buckets(rate, clock, keys_max)

        self._addresses, self._failed, self._joins = buckets(ADDRESS), buckets(FAILED), buckets(JOIN)
        self._nodes, self._persons = buckets(NODE), buckets(PERSON)
        self._evaluators, self._pages = buckets(EVALUATOR), buckets(PAGE)

    def ask(self, caller: Caller) -> None:
        """Somebody known asks; `TooOftenError`."""
        is_node = Role.NODE in caller.roles
        _check(self._nodes if is_node else self._persons, caller.name, caller.name, "asks")

    def evaluate(self, caller: Caller) -> None:
        """Somebody known asks for features; `TooOftenError`."""
        wait_s = self._evaluators.take(caller.name)
        if wait_s:
            raise TooOftenError(caller.name, "asks", wait_s)

    def fail(self, address: str) -> None:
        """Somebody who is not known asks; `TooOftenError`."""
        _check(self._failed, key_of(address), address, "asks without a good credential")

    def join(self, address: str) -> None:
        """A node without a certificate asks for one; `TooOftenError`."""
        _check(self._joins, key_of(address), address, "asks to join")

    def page(self, address: str) -> None:
        """Anybody asks for a public page; `TooOftenError`."""
        _check(self._pages, key_of(address), address, "asks for pages")

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application behind the limit of each address."""

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                address = address_of(scope)
                wait_s = self._addresses.take(key_of(address))
                if wait_s:
                    answer = await on_too_often(Request(scope), TooOftenError(address, "asks", wait_s))
                    await answer(scope, receive, send)
                    return
            await app(scope, receive, send)

        return limited


async def on_too_often(_: Request, error: Exception) -> Response:
    """The answer to it."""
    assert isinstance(error, TooOftenError)
    return failed(429, "too often", str(error), {"Retry-After": str(error.wait_s)})


def address_of(scope: Scope) -> str:
    """Of who sends the request; empty where the connection has none."""
    client = scope.get("client")
    return client[0] if client else ""


def key_of(address: str) -> str:
    """What counts as one address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((int(parsed), _SITE_BITS), strict=False))
    return address


def _check(buckets: Buckets, key: str, who: str, what: str) -> None:
    wait_s = buckets.take(key)
    if wait_s:
        raise TooOftenError(who or "this connection", what, wait_s)
