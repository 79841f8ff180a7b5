"""Enrol: how does this node come by its certificate, and by the next one?"""

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from wavetrain.agent.control_plane import ControlPlane, backoff_s
from wavetrain.agent.identity import Identity, Kept
from wavetrain.agent.log import Log
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import JoinAsked, RenewAsked

SECRET_BYTES_MAX = 1024
RETRY_MAX_S = 300.0
"""The longest pause between two tries to renew; there is a quarter of the certificate's life for them."""


class Enrolment:
    """Sees to it, before each report, that the node has a certificate.

    The node is served all the same where it has none: what runs goes on, and nothing is moved.
    """

    def __init__(
        self,
        node: str,
        identity: Identity,
        control_plane: ControlPlane,
        join_file: str,
        log: Log,
        clock: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        """`clock` is seconds since the Unix epoch, `steady` those of the monotonic clock."""
        self._node = node
        self._identity = identity
        self._control_plane = control_plane
        self._join_file = Path(join_file) if join_file else None
        self._log = log
        self._clock = clock
        self._steady = steady
        self._refused = ""
        self._why = ""
        self._failures = 0
        self._next_try = 0.0
        self._counted: Kept | None = None
        self._due = 0.0
        self._told_end: Kept | None = None
        self._told_stays = False

    def tend(self) -> None:
        """Join where there is a new secret, renew where due. Raises `UnreachableError` without a certificate."""
        self._join()
        kept = self._identity.kept
        if kept is None:
            why = self._why or self._identity.trouble or "it has not joined"
            raise UnreachableError(f"node {self._node} has no certificate: {why}; {self._way_in()}")
        if self._clock() >= kept.not_after and self._told_end != kept:
            self._told_end = kept
            self._log("certificate ended", at=_text(kept.not_after), way_out=self._way_in())
        if self._is_due(kept) and self._steady() >= self._next_try:
            self._renew(kept)

    def hint(self) -> str:
        """What may keep the control plane from answering, as far as this node can see; empty where it sees nothing."""
        kept = self._identity.kept
        if kept is None or self._clock() < kept.not_after:
            return ""
        return f"; this node's certificate ended at {_text(kept.not_after)}: {self._way_in()}"

    def _join(self) -> None:
        secret = self._secret()
        if not secret:
            return
        digest = _digest(secret)
        try:
            request = self._identity.request()
            joined = self._control_plane.join(JoinAsked(secret=secret, csr=request.csr))
            self._identity.join(request, joined, digest)
        except RefusedError as error:
            self._refused = digest
            self._why = f"{error}; a secret counts once, also where the answer to it was lost"
            self._log("not joined", error=self._why, way_out=self._way_in())
            return
        except UnreachableError as error:
            if self._identity.kept is None:
                raise
            self._log("not joined", error=str(error))
            return
        self._why = ""
        self._empty()
        assert self._identity.kept is not None
        self._log("joined", until=_text(self._identity.kept.not_after))

    def _secret(self) -> str:
        """One that was not used yet; empty where there is none."""
        if self._join_file is None:
            return ""
        try:
            with self._join_file.open("rb") as file:
                secret = file.read(SECRET_BYTES_MAX).decode(errors="replace").strip()
        except OSError:
            return ""
        kept, digest = self._identity.kept, _digest(secret)
        if secret and kept is not None and digest == kept.joined_with:
            self._empty()  # killed between taking up the certificate and this
            return ""
        return secret if digest != self._refused else ""

    def _empty(self) -> None:
        """A secret that was used is worth nothing; nobody should find one and wonder."""
        assert self._join_file is not None
        try:
            with self._join_file.open("r+b") as file:
                file.truncate(0)
                os.fsync(file.fileno())
        except OSError as error:
            if not self._told_stays:
                self._log("join file stays", error=f"{self._join_file}: {error.strerror}; it may be deleted")
            self._told_stays = True

    def _is_due(self, kept: Kept) -> bool:
        """By the node's clock, or by the time that passed: a clock that was set back must not let it end."""
        if self._counted != kept:
            self._counted = kept
            left = kept.due(self._node) - self._clock()
            self._due = self._steady() + min(max(left, 0.0), kept.not_after - kept.not_before)
        return self._steady() >= self._due or self._clock() >= kept.due(self._node)

    def _renew(self, kept: Kept) -> None:
        try:
            request = self._identity.request()
            joined = self._control_plane.renew(RenewAsked(csr=request.csr))
            warning = self._identity.renew(request, joined)
        except (RefusedError, UnreachableError) as error:
            self._failures += 1
            wait_s = backoff_s(self._node, self._failures, RETRY_MAX_S)
            self._next_try = self._steady() + wait_s
            self._log("not renewed", error=str(error), until=_text(kept.not_after), wait_s=round(wait_s, 2))
            return
        self._failures, self._next_try = 0, 0.0
        assert self._identity.kept is not None
        self._log("renewed", until=_text(self._identity.kept.not_after))
        if warning:
            self._log("other key", error=warning, way_out=self._way_in())

    def _way_in(self) -> str:
        where = f"write it into {self._join_file}" if self._join_file else "name a `join_file` with it"
        return f"run: wavetrain node join {self._node}, and {where}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
