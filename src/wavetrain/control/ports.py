"""Ports: what the use cases need from outside, each with one contract suite."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from wavetrain.decide.activation import Sheet, Standing
from wavetrain.decide.improvement import Improved, Problem
from wavetrain.decide.permit import Caller
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.model.health import Observed
from wavetrain.model.journal import Entry
from wavetrain.model.login import Person
from wavetrain.model.notice import Alert, Outcome
from wavetrain.model.record import Record

R = TypeVar("R", bound=Record)


class View(Protocol):
    """A consistent picture of the store."""

    @property
    def steady(self) -> float:
        """The store's own clock in seconds since the Unix epoch; never jumped."""
        ...

    @property
    def now(self) -> datetime:
        """Train time (aware, UTC): the store's clock plus the ledger's jump, fixed when the view was opened."""
        ...

    @property
    def sequence(self) -> int:
        """The number of the last change that was committed before this view was opened."""
        ...

    def get(self, kind: type[R], *key: str) -> R | None:
        """The record under `key` (in the order of `kind.KEY`), or None."""
        ...

    def find(self, kind: type[R], /, **equal: str | int) -> list[R]:
        """Every record whose key or index fields equal the given values, in key order (numbers as numbers)."""
        ...

    def changes(self, after: int) -> Sequence["Change"]:
        """The changes with a number greater than `after`, oldest first.

        `StaleError` when some of them are no longer kept: start over from the records.
        """
        ...

    def journal(self, after: int = 0, limit: int = 1000, **equal: str) -> list[Entry]:
        """Entries with `seq` > `after`, oldest first; `equal` may name subject, rollout, kind, who."""
        ...

    def journal_tail(self, limit: int = 50, before: int | None = None, **equal: str) -> list[Entry]:
        """The last `limit` entries, oldest first; with `before` the last of those with a smaller `seq`."""
        ...


class Transaction(View, Protocol):
    """A view that also writes; everything is committed together when the context ends without an error.

    `get` and `find` see its own writes; `changes` and the journal show what was committed before it was opened.
    """

    def put(self, record: R) -> R:
        """Insert (version 0) or replace (the stored version must equal `record.version`), else `StaleError`.

        Returns the record as stored, to go on writing. Its version is the number of this change, so that no
        version comes twice: a record that was removed and made again is not taken for the older one.
        """
        ...

    def put_many(self, records: Iterable[Record]) -> int:
        """`put` for very many, each key once, in bounded memory and a fraction of the time; how many there were."""
        ...

    def remove(self, record: Record) -> None:
        """Delete the record; its stored version must equal `record.version`, else `StaleError`."""
        ...

    def note(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        ...


class Change(Protocol):
    """One record that a commit wrote: its number, kind, key, and what it is after it (None when removed).

    `commit` is the number of the first change of the same commit.
    """

    @property
    def sequence(self) -> int: ...
    @property
    def commit(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> tuple[str, ...]: ...
    @property
    def record(self) -> Record | None: ...
    @property
    def body(self) -> bytes | None:
        """The record as JSON."""
        ...


class Store(Protocol):
    """Where facts are kept."""

    def read(self) -> AbstractContextManager[View]:
        """A consistent picture; never blocks writers for long."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction under this process's epoch; `StaleError` if another process has taken a newer one."""
        ...

    def take(self, holder: str) -> int:
        """Become the writer: raise the epoch by one, and return it."""
        ...

    def lease(self, holder: str, for_s: float) -> int | None:
        """Become or stay the writer until `for_s` seconds from now, on the store's own clock; the epoch.

        None while another holder's lease runs. Whoever takes over raises the epoch, so that a commit of the one
        before is refused, however late it comes.
        """
        ...

    def release_lease(self) -> None:
        """Let another become the writer at once; does nothing when one has."""
        ...

    def wait_change(self, after: int, timeout_s: float) -> int:
        """Wait until this process commits a change after `after`, `wake` is called, or time is up.

        Returns the number of the last change.
        """
        ...

    def wake(self) -> int:
        """Let all who wait for a change return now; the number of the last one."""
        ...

    def on_commit(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it after each commit of this process (also of journal entries alone), in the committing thread.

        It gets the number of the last change; calls may overlap and come out of order. Returns how to stop.
        """
        ...

    def trim(self, keep_changes: int = ..., keep_journal: int = ...) -> tuple[int, int]:
        """Forget all but the last so many changes and journal entries; how many of each went."""
        ...

    def close(self) -> None:
        """Let go of the store and its lock."""
        ...


class HealthSource(Protocol):
    """Where measurements come from."""

    def watch(self, targets: Mapping[NodeId, "Target"]) -> None:
        """Measure exactly these nodes from now on."""
        ...

    def observe(self) -> Observed:
        """What was measured since the last call; never blocks, never raises for a node that does not answer."""
        ...


class Target(Protocol):
    """A node to be measured."""

    @property
    def pop(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def counters(self) -> Sequence[str]: ...
    @property
    def sessions(self) -> str: ...
    @property
    def histograms(self) -> Sequence[str]: ...
    @property
    def gauges(self) -> Sequence[str]: ...


class Trust(Protocol):
    """Keys: what the control plane signs."""

    def sign(
        self,
        node: NodeId,
        generation: Generation,
        digest: str,
        plan: str,
        lifetime_s: float,
        *,
        restart: bool = False,
    ) -> str:
        """The signature of a permission, as text."""
        ...

    def sign_bans(self, component: str, serial: int, floor: str, tombstones: Sequence[str]) -> str:
        """The signature of what a component's nodes must refuse, as text."""
        ...

    def public(self) -> str:
        """The public key that nodes check permissions and bans with, as text."""
        ...


class Authority(Protocol):
    """The control plane's own certificate authority, which nodes are known by."""

    def issue(self, node: NodeId, csr: str, now: datetime) -> "Issued":
        """A client certificate for the node on the key of the signing request; its own names are not looked at.

        `RefusedError` when the text is no request, or not by the holder of its key, or its key is too weak.
        """
        ...

    def chain(self) -> str:
        """The certificates that nodes and persons verify the doors with, in PEM."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate in lower-case hex."""
        ...


class Issued(Protocol):
    """A client certificate that was just made."""

    @property
    def serial(self) -> str: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def not_after(self) -> datetime: ...
    @property
    def certificate(self) -> str:
        """PEM."""
        ...


class Artifacts(Protocol):
    """The bytes of releases, by digest."""

    def put(self, digest: str, chunks: Iterable[bytes], size_max: int) -> int:
        """Keep the bytes; return their number.

        `RefusedError` when their SHA-256 is not `digest` or they are too many.
        """
        ...

    def path(self, digest: str) -> str | None:
        """The file that holds the bytes, or None."""
        ...


class Snapshot(Protocol):
    """Which features an account has now, answered from memory."""

    def sheet(self) -> Sheet:
        """All features at this instant (train time); the same object until one of them changes or a step is due."""
        ...

    def look(self, account: str) -> tuple[Sheet, Standing | None]:
        """The sheet, and of the same instant what is known of an account; None where nobody has heard of it."""
        ...

    def asked(self, account: str) -> tuple[Sheet, Standing]:
        """The same, and where nobody has heard of it, as such an account stands."""
        ...

    @property
    def now(self) -> datetime:
        """Train time."""
        ...

    @property
    def jumped_s(self) -> float:
        """By how much train time was moved on, in all; never but in demonstrations and rehearsals."""
        ...

    def stranger(self, account: str) -> Standing:
        """How an account stands that nobody has heard of."""
        ...

    @property
    def version(self) -> int:
        """Grows with each change that may alter an answer, be it a commit or the clock."""
        ...

    def on_change(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it after each such change, in the changing thread; returns how to stop."""
        ...


class Evaluators(Protocol):
    """The programs that evaluate features, and are told when one changes."""

    def behind(self, sequence: int) -> bool:
        """Whether any that is connected now has not seen this change yet; never blocks. Nobody connected: no."""
        ...


class Pipelines(Protocol):
    """Who speaks for a pipeline, by a token that somebody else has signed."""

    def caller(self, token: str) -> Caller | None:
        """Whose it is; None where it is nobody's. `UnreachableError` where who signs them cannot be asked."""
        ...


class Provider(Protocol):
    """Who says who people are, where it is not a token of ours."""

    def leave(self, state: str, nonce: str, verifier: str) -> str:
        """The address at which a person shows who they are. `UnreachableError`."""
        ...

    def arrive(self, code: str, nonce: str, verifier: str) -> Person:
        """Who came back from there with this code.

        `RefusedError` where what is said of them does not count, `ForbiddenError` where they may do nothing here,
        `UnreachableError` where the provider cannot be asked.
        """
        ...


class Notifier(Protocol):
    """A way to operators."""

    def deliver(self, alert: Alert, at: float) -> Outcome:
        """Try once to hand an alert over, with its id, in a bounded time; never raises.

        `at` is when, on the store's steady clock in seconds. The same alert again is the same message to its receiver.
        """
        ...


class Outside(Protocol):
    """What customers may have the control plane speak to."""

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Those of a host.

        `RefusedError` where one of them may not be spoken to, `UnreachableError` where the name is not known.
        """
        ...


class Optimizer(Protocol):
    """Finds better places for the PoPs of a laid train, in a bounded time."""

    def improve(self, problem: Problem, seconds: float) -> Improved:
        """The best places found within so many seconds; never dearer than those that the movers have now.

        Hard rules stay whole. `proven` says that nothing better exists in these waves.
        """
        ...
