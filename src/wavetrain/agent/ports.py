"""Ports: what does an update need from its node?"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from wavetrain.errors import UnreachableError

Opener = Callable[[], Iterator[bytes]]
"""Begins to read an artifact from its first byte. Raises `UnreachableError` at once or while it is read."""


class NotUnderstoodError(UnreachableError):
    """The control plane does not take what the report says; an older one may not know all of it."""


class SilentError(UnreachableError):
    """A question was taken, and not answered in time."""


class Healthy(msgspec.Struct, frozen=True):
    """The release serves."""


class Unhealthy(msgspec.Struct, frozen=True):
    """The release does not serve, and what was seen instead."""

    detail: str
    silent: bool = False
    """Whether it took the question and did not answer in time: it may hang."""


Health = Healthy | Unhealthy


class Installer(Protocol):
    """Puts releases on the node. Every call may be repeated: a second one changes nothing that the first one did.

    All raise `RefusedError` where a rule is broken and `UnreachableError` where a second try may help.
    """

    def current(self) -> str:
        """The number of the release that the node is set to run; empty for none."""
        ...

    def stage(self, release: str, digest: str, size: int, opener: Opener) -> None:
        """Fetch and verify a release beside the one that runs, which is not touched.

        `digest` is the SHA-256 in lower-case hex, `size` the bytes (0: not known).
        """
        ...

    def switch(self, release: str) -> None:
        """Make a staged release the current one and start it beside the one that runs."""
        ...

    def back(self, release: str) -> None:
        """Make the release that ran before the current one again, and stop every other."""
        ...

    def confirm(self) -> None:
        """Stop everything but the current release; what it still serves may leave in its grace."""
        ...

    def keep(self) -> str:
        """See that the current release runs; what was wrong with it since it was started, empty for nothing."""
        ...

    def inside(self) -> str:
        """A unix socket on which the program of the current release alone answers; empty for none."""
        ...

    def process(self) -> str:
        """A name for the running program of the current release, another one after each start; empty for none."""
        ...

    def restart(self, process: str) -> None:
        """Kill that program, if it still runs, and start it again."""
        ...

    def renew(self, process: str) -> None:
        """Start the current release anew in the place of that program; what it still serves may leave in its grace."""
        ...


class Traffic(Protocol):
    """Moves the node's work away and back. All but `sessions` raise `UnreachableError` where it cannot."""

    def drain(self, spread_ms: int) -> None:
        """No new sessions; those it has are asked to move within `spread_ms`."""
        ...

    def sessions(self) -> int | None:
        """The sessions that the node still carries; None where nobody can tell."""
        ...

    def settle(self) -> None:
        """The time to move is over: nothing may come before `undrain`, also where the balancer forgot the drain."""
        ...

    def undrain(self) -> None:
        """Take new sessions again."""
        ...

    def invite(self) -> None:
        """Ask the sessions that left to come back."""
        ...


class Probe(Protocol):
    """Sees whether the release serves."""

    def check(self, inside: str = "") -> Health:
        """Look once, within a bounded time; never raises. `inside` is what `Installer.inside` says."""
        ...
