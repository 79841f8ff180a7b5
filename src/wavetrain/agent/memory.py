"""Memory: what must the agent still know after it was killed?"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from wavetrain.agent.update import Update
from wavetrain.errors import LockedError, RefusedError, UnreachableError
from wavetrain.model.fleet import FIRST, Generation, Phase
from wavetrain.wire.agent_messages import Bans
from wavetrain.wire.json_message import read_message


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest instruction that was accepted. `until` 0 means without a permission."""

    generation: Generation
    release: str
    digest: str
    size: int
    until: float = 0.0
    boot: str = ""
    restart: bool = False


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. A step is written here before its first effect, so that the next process can begin it again."""

    generation: Generation = FIRST
    """The newest that was taken up: adopted, or begun."""
    read: Generation = FIRST
    """The newest that was read, taken up or not."""
    order: Order | None = None
    update: Update | None = None
    running: str = ""
    phase: Phase = Phase.STEADY
    detail: str = ""
    refused: str = ""
    """Why the last instruction was refused; empty after one that was not."""
    trouble: str = ""
    """What is wrong with the program that runs."""
    hung: str = ""
    """What its watchdog did about it."""
    bans: tuple[Bans, ...] = ()
    """The newest of each component, as the control plane signed them."""

    @property
    def tombstones(self) -> tuple[str, ...]:
        """Every release that is known to be withdrawn."""
        return tuple(release for bans in self.bans for release in bans.tombstones)


class Keeper:
    """The memory in a file, for one process and its threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "agent.json"
        self._lock = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise LockedError(
                f"another agent already works in {folder}; end it, or choose another `folder`"
            ) from None
        self._changed = threading.Condition()
        try:
            self._memory = self._load()
        except RefusedError:
            os.close(self._lock)
            raise
        self._revision = 0

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)

    @property
    def memory(self) -> Memory:
        """As it was last written."""
        return self._memory

    @property
    def revision(self) -> int:
        """Grows with each change."""
        return self._revision

    def change(self, how: Callable[[Memory], Memory]) -> Memory:
        """Write `how(memory)`, so that it survives a power cut, before anybody sees it.

        Raises `UnreachableError` when it cannot be written; then nothing has changed.
        """
        with self._changed:
            changed = how(self._memory)
            if changed != self._memory:
                try:
                    self._save(changed)
                except OSError as error:
                    raise UnreachableError(
                        f"the agent cannot write {self._path}: {error.strerror}; free some space"
                    ) from error
                self._show(changed)
            return changed

    def complain(self, trouble: str) -> None:
        """Have the next report say it, written down or not: what is wrong may be that nothing can be written."""
        with self._changed:
            changed = msgspec.structs.replace(self._memory, trouble=trouble)
            if changed != self._memory:
                with contextlib.suppress(OSError):
                    self._save(changed)
                self._show(changed)

    def _show(self, changed: Memory) -> None:
        self._memory = changed
        self._revision += 1
        self._changed.notify_all()

    def wait(self, revision: int, timeout_s: float) -> None:
        """Until the revision is another than `revision`, at most for `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision != revision, timeout_s)

    def wake(self) -> None:
        """End every wait."""
        with self._changed:
            self._revision += 1
            self._changed.notify_all()

    def _load(self) -> Memory:
        try:
            return read_message(self._path.read_bytes(), Memory, "the memory")
        except FileNotFoundError:
            return Memory()
        except RefusedError as error:
            raise RefusedError(
                f"{self._path} cannot be read ({error}); move it away and the agent adopts what runs now"
            ) from error

    def _save(self, memory: Memory) -> None:
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(memory))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
