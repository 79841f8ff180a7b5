"""Slots: which of two folders holds the release that runs?

slots/A  slots/B            one release each; a program runs in its own folder
slots/A.json  slots/B.json  what was verified to lie there: number and digest
current -> slots/A          the one commit point of a switch
"""

import os
import shutil
import time
from pathlib import Path

import msgspec

from wavetrain.agent.fetch import fetch
from wavetrain.agent.ports import Opener
from wavetrain.agent.supervised import Program, Supervised
from wavetrain.agent.unpack import unpack
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.json_message import read_message

SLOTS = ("A", "B")
LOOK_EVERY_S = 0.05
STOP_SPARE_S = 5.0


class Verified(msgspec.Struct, frozen=True):
    """What lies in a slot."""

    number: str
    digest: str


class SlotsInstaller:
    """Two slots below `folder`, and programs that the node's supervisor runs."""

    def __init__(
        self, folder: Path, supervised: Supervised, stop_grace_s: float, component: str = ""
    ) -> None:
        self._folder = folder
        self._slots = folder / "slots"
        self._supervised = supervised
        self._stop_within_s = stop_grace_s + STOP_SPARE_S
        self._component = component
        self._slots.mkdir(parents=True, exist_ok=True)

    def current(self) -> str:
        slot = self._current()
        verified = self._verified(slot) if slot else None
        return verified.number if verified else ""

    def stage(self, release: str, digest: str, size: int, opener: Opener) -> None:
        wanted = Verified(release, digest)
        held = [verified for slot in SLOTS if (verified := self._verified(slot)) is not None]
        if wanted in held:
            return
        if not digest:  # it was adopted, so that the control plane knows its number alone
            if any(verified.number == release for verified in held):
                return
            raise RefusedError(
                f"release {release} was adopted and is not on this node any more; submit its artifact"
            )
        incoming = self._folder / "incoming"
        archive, new = incoming / digest, incoming / "unpacked"
        try:
            _remove(incoming)
            fetch(opener(), archive, digest, size)
            found = unpack(archive, new)
            self._check(found.component, found.version, release)
            slot = self._idle()
            self._empty(slot)
            new.replace(self._slots / slot)
            os.sync()  # its files must outlive a power cut before the slot is called verified
            _write(self._slots / f"{slot}.json", msgspec.json.encode(wanted))
        except OSError as error:
            raise UnreachableError(f"release {release} cannot be written to this node: {error}") from error
        finally:
            _remove(incoming)

    def switch(self, release: str) -> None:
        slot = self._holding(release)
        if slot != self._current():
            new = self._folder / "current.new"
            new.unlink(missing_ok=True)
            new.symlink_to(Path("slots") / slot)
            new.replace(self._folder / "current")
            _settle(self._folder)
        self._supervised.start(slot)

    def back(self, release: str) -> None:
        self.switch(release)
        self.confirm()

    def confirm(self) -> None:
        state = self._supervised.ensure()
        for slot in {program.slot for program in state.programs} - {self._current()}:
            self._supervised.stop(slot)

    def keep(self) -> str:
        slot = self._current()
        if not slot:
            return ""
        state = self._supervised.ensure()
        self._supervised.start(slot)
        program = self._program()
        wrong = []
        if not self._supervised.as_set(state):
            wrong.append("its supervisor still runs with older settings; they apply when it is started again")
        if program is not None and program.crashes:
            wrong.append(
                f"its program ended {program.crashes} times by itself, the last time with {program.last}"
            )
        return "; ".join(wrong)

    def inside(self) -> str:
        program = self._program()
        return program.admin if program else ""

    def process(self) -> str:
        program = self._program()
        return f"{program.slot}-{program.pid}" if program and program.state == "running" else ""

    def restart(self, process: str) -> None:
        slot, _, pid = process.partition("-")
        self._supervised.restart(slot, int(pid))

    def renew(self, process: str) -> None:
        slot = self._current()
        if process and process == self.process():
            self._supervised.stop(slot)
        self._supervised.start(slot)

    def _program(self) -> Program | None:
        slot = self._current()
        for program in self._supervised.programs():
            if program.slot == slot and program.state != "stopping":
                return program
        return None

    def _current(self) -> str:
        try:
            slot = os.readlink(self._folder / "current").rpartition("/")[2]  # noqa: PTH115 (as it is, not resolved)
        except FileNotFoundError:
            return ""
        return slot if slot in SLOTS else ""

    def _idle(self) -> str:
        return "B" if self._current() == "A" else "A"

    def _holding(self, release: str) -> str:
        for slot in (self._current(), self._idle()):
            verified = self._verified(slot) if slot else None
            if verified is not None and verified.number == release:
                return slot
        raise RefusedError(f"release {release} is in no slot of this node; stage it first")

    def _verified(self, slot: str) -> Verified | None:
        try:
            return read_message((self._slots / f"{slot}.json").read_bytes(), Verified, "what is in the slot")
        except (FileNotFoundError, RefusedError):
            return None

    def _check(self, component: str, version: str, release: str) -> None:
        if version != release:
            raise RefusedError(
                f"the artifact of release {release} says that it is {version}; refused, submit it again"
            )
        if self._component and component != self._component:
            raise RefusedError(
                f"release {release} is of {component}, this node runs {self._component}; refused"
            )

    def _empty(self, slot: str) -> None:
        """Take away what lies in an idle slot; a program that still leaves it is waited for."""
        latest = time.monotonic() + self._stop_within_s
        while any(program.slot == slot for program in self._supervised.programs()):
            self._supervised.stop(slot)
            if time.monotonic() > latest:
                raise UnreachableError(f"the program in slot {slot} does not end; the slot cannot be used")
            time.sleep(LOOK_EVERY_S)
        (self._slots / f"{slot}.json").unlink(missing_ok=True)
        _remove(self._slots / slot)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _write(path: Path, content: bytes) -> None:
    """So that a reader, also after a power cut, sees all of it or what was there before."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
