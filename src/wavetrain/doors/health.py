"""Health: is this process alive, and can it do its work?"""

import asyncio
import threading
from collections.abc import Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wavetrain.doors.house import off_loop

FRESH_S = 1.0
"""An answer is this old at most; within it nobody is asked again, however often somebody looks."""
ANSWER_S = 1.0
"""How long all checks together may take."""

Checked = tuple[bool, str]
"""Whether it is well, and one sentence for people without a login: no paths, no names of the fleet."""


class CheckSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One check."""

    name: str
    ok: bool
    text: str


class ReadySeen(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the process can do its work."""

    ready: bool
    checks: tuple[CheckSeen, ...]


class Readiness:
    """The endpoint `/readyz`: asks every check at most once a second, and never twice at the same time.

    A check may hang: it is asked in a thread of its own, and as long as that has not come back the check fails.
    `changed` hears when the answer turns; at first everything is taken to be well.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], Checked]],
        clock: Callable[[], float],
        changed: Callable[[ReadySeen], None] = lambda _: None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._asked = {name: _Asked(check) for name, check in checks.items()}
        self._clock = clock
        self._changed = changed
        self._answer_s = answer_s
        self._seen: ReadySeen | None = None
        self._seen_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def answer(self, _: Request) -> Response:
        """200 when every check is well, else 503; the body says which is not."""
        seen = await self.fresh()
        return Response(
            msgspec.json.encode(seen),
            200 if seen.ready else 503,
            {"Cache-Control": "no-store"},
            "application/json",
        )

    async def fresh(self) -> ReadySeen:
        """The answer, not older than `FRESH_S`; all who ask meanwhile wait for the same look."""
        if self._seen is None or self._clock() - self._seen_at >= FRESH_S:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.get_running_loop().create_task(self._look())
            await asyncio.shield(self._looking)
        assert self._seen is not None
        return self._seen

    def last(self) -> Mapping[str, bool]:
        """How the last look went, by check; empty before the first."""
        return {check.name: check.ok for check in self._seen.checks} if self._seen is not None else {}

    async def _look(self) -> None:
        before, self._seen = self._seen, await off_loop(self._ask)
        self._seen_at = self._clock()
        if (before is None or before.ready) != self._seen.ready:
            self._changed(self._seen)

    def _ask(self) -> ReadySeen:
        until = self._clock() + self._answer_s
        for asked in self._asked.values():
            asked.begin(self._clock())
        checks = [
            CheckSeen(name=name, ok=ok, text=text)
            for name, asked in self._asked.items()
            for ok, text in [asked.said(max(0.0, until - self._clock()), self._clock)]
        ]
        return ReadySeen(ready=all(check.ok for check in checks), checks=tuple(checks))


class _Asked:
    """One check, asked again only when it has answered."""

    def __init__(self, check: Callable[[], Checked]) -> None:
        self._check = check
        self._thread: threading.Thread | None = None
        self._answer: Checked = (False, "")
        self._begun_at = 0.0

    def begin(self, now: float) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        # A daemon: whatever it hangs on must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self._begun_at = now
        self._thread.start()

    def said(self, wait_s: float, clock: Callable[[], float]) -> Checked:
        assert self._thread is not None
        self._thread.join(wait_s)
        if self._thread.is_alive():
            return False, f"has not answered for {clock() - self._begun_at:.1f} s; see the log"
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._check()
        except Exception:
            # What it says may name a path or a node: the log gets that, this door does not.
            self._answer = False, "failed; see the log"
            raise


async def alive(_: Request) -> Response:
    """The process answers; says nothing about what it controls."""
    return Response(b'{"alive": true}', media_type="application/json")
