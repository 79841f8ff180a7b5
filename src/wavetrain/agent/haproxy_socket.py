"""HAProxy socket: what does HAProxy's runtime API answer to one command?

One connection a command: HAProxy answers and closes. What was done is answered by an empty line, what was not by a
sentence; both end with an empty line, so that an answer which was cut off is known.
"""

import csv
import socket
import time
from pathlib import Path

import msgspec

from wavetrain.errors import RefusedError, UnreachableError

ANSWER_BYTES_MAX = 8 * 1024 * 1024
READ_BYTES = 64 * 1024
SAID_CHARACTERS = 200
STATES_VERSION = "1"
"""Of `show servers state`; HAProxy has had no other since 1.6."""
FORCED_MAINT, ANY_MAINT = 0x01, 0x01 | 0x02 | 0x04 | 0x20 | 0x40
FORCED_DRAIN, ANY_DRAIN = 0x08, 0x08 | 0x10
"""Bits of `srv_admin_state`: set by the runtime API, inherited, by the configuration, by name resolution."""


class Server(msgspec.Struct, frozen=True):
    """A server as HAProxy sees it. A drained one that is down has the status DOWN: ask `drains`, not `status`."""

    name: str
    sessions: int
    status: str
    admin: int
    detail: str
    """What its last health check saw."""

    @property
    def drains(self) -> bool:
        """Whether it is kept from new sessions on purpose."""
        return bool(self.admin & (ANY_MAINT | ANY_DRAIN))

    @property
    def is_up(self) -> bool:
        """Whether its health lets it take sessions."""
        return self.status.startswith(("UP", "no check"))


class HaproxySocket:
    """The stats socket at `place`: a path, or HOST:PORT. Everything raises `UnreachableError`."""

    def __init__(self, place: str, timeout_s: float) -> None:
        self._place = place
        self._timeout_s = timeout_s

    def act(self, command: str) -> None:
        """Have something done; HAProxy says nothing when it was. Raises `UnreachableError` with what it said."""
        said = self.ask(command).strip()
        if said:
            raise UnreachableError(
                f"HAProxy at {self._place} answered `{command}`: {_first(said)}{_hint(said)}"
            )

    def servers(self, backend: str) -> dict[str, Server]:
        """The servers of a backend, by name."""
        figures = self._rows(f"show stat {backend} 4 -1", "# ")
        states = self._rows(f"show servers state {backend}", "# ", separator=" ", before=STATES_VERSION)
        try:
            admin = {row["srv_name"]: row["srv_admin_state"] for row in states if row["be_name"] == backend}
            return {
                row["svname"]: Server(
                    name=row["svname"],
                    sessions=int(row["scur"]),
                    status=row["status"],
                    admin=int(admin[row["svname"]]),
                    detail=row.get("check_desc") or row.get("check_status") or "",
                )
                for row in figures
            }
        except (KeyError, ValueError, TypeError) as error:  # no such name, no number, a short line
            raise UnreachableError(
                f"HAProxy at {self._place} answered for {backend} without {error}; versions from 2.0 on are understood"
            ) from error

    def server(self, backend: str, name: str) -> Server:
        """One server. Raises `RefusedError` where HAProxy answers and does not have it."""
        try:
            servers = self.servers(backend)
        except UnreachableError as error:
            if "No such proxy" in str(error) or "Can't find backend" in str(error):
                raise RefusedError(
                    f"HAProxy at {self._place} has no backend {backend}; set `backend` in [traffic] to one that it has"
                ) from error
            raise
        if name not in servers:
            raise RefusedError(
                f"HAProxy at {self._place} has no server {name} in {backend}, only {', '.join(servers) or 'none'}; "
                "set `server` in [traffic]"
            )
        return servers[name]

    def check_level(self) -> None:
        """Whether this socket may change servers. Raises `RefusedError` where it may not."""
        level = self.ask("show cli level").strip()
        if level != "admin":
            raise RefusedError(
                f"HAProxy at {self._place} allows the level {_first(level)} and servers are set with the level admin; "
                "write `stats socket ... level admin` in its configuration"
            )

    def ask(self, command: str) -> str:
        """The whole answer to one command, which is one line."""
        if "\n" in command or ";" in command:
            raise ValueError(f"{command!r} is more than one command")
        latest = time.monotonic() + self._timeout_s
        answer = b""
        try:
            with self._connected() as asking:
                asking.sendall(command.encode() + b"\n")
                while True:
                    asking.settimeout(max(0.001, latest - time.monotonic()))
                    part = asking.recv(READ_BYTES)
                    if not part:
                        break
                    answer += part
                    if len(answer) > ANSWER_BYTES_MAX:
                        raise UnreachableError(
                            f"HAProxy at {self._place} answered `{command}` with more than {ANSWER_BYTES_MAX} bytes"
                        )
        except (OSError, OverflowError) as error:  # a port that cannot be
            raise UnreachableError(
                f"HAProxy at {self._place} does not answer `{command}` within {self._timeout_s:g} s: {error}; see that "
                "it runs, and that this agent may use its stats socket"
            ) from error
        if answer != b"\n" and not answer.endswith(b"\n\n"):
            raise UnreachableError(f"HAProxy at {self._place} ended before its answer to `{command}` did")
        return answer.decode(errors="replace")

    def _connected(self) -> socket.socket:
        if self._place.startswith("/"):
            connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connecting.settimeout(self._timeout_s)
            try:
                connecting.connect(str(Path(self._place)))
            except OSError:
                connecting.close()
                raise
            return connecting
        host, _, port = self._place.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), self._timeout_s)

    def _rows(self, command: str, mark: str, separator: str = ",", before: str = "") -> list[dict[str, str]]:
        """The table that HAProxy answers with: a line of names after `mark`, and a line for each thing."""
        lines = [line for line in self.ask(command).splitlines() if line]
        if before and lines[:1] == [before]:
            lines = lines[1:]
        if not lines or not lines[0].startswith(mark):
            said = " ".join(lines)
            raise UnreachableError(
                f"HAProxy at {self._place} answered `{command}`: {_first(said)}{_hint(said)}"
            )
        lines[0] = lines[0].removeprefix(mark)
        try:
            return list(csv.DictReader(lines, delimiter=separator))
        except csv.Error as error:
            raise UnreachableError(
                f"HAProxy at {self._place} answered `{command}` with no table: {error}"
            ) from error


def _first(said: str) -> str:
    """The beginning of an answer; the list of all commands that may follow it helps nobody."""
    return said.splitlines()[0][:SAID_CHARACTERS] if said else "nothing"


def _hint(said: str) -> str:
    if "ermission denied" in said:
        return "; give its stats socket the level admin"
    if "No such" in said:
        return "; set `backend` and `server` in [traffic] to what its configuration names"
    return ""
