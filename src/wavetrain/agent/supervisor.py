"""Supervisor: which programs of this node run, also while its agent does not?

A process of its own, started by path with one argument: a JSON file like

    {"node", "listen": [{"name", "address"}], "slots", "shared", "sockets", "logs", "python", "stop_grace_s"}

It holds the node's listening sockets and lends them to every program that it starts, so that two releases
can share them and no connection is refused in between. It is told what to do over the unix socket
`supervisor.sock` in the folder `sockets`: a JSON object a line, one line a connection.

    {"do": "start", "slot": "A"}    start the program of a slot, unless it runs; restarted when it ends
    {"do": "stop", "slot": "A"}     SIGTERM, and SIGKILL after the grace
    {"do": "restart", "slot": "A", "pid": 7}  SIGKILL to the program of this pid, if it still runs; then started again
    {"do": "status"}
    {"do": "quit", "grace_s": 1.0}  stop all, and end

It also ends, with all programs, when the process that WAVETRAIN_LIFELINE_PID names is gone.
Only the standard library, and little of it: there is one of these on each node.
"""

import ctypes
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

FIRST_DESCRIPTOR = 3
HIGH_DESCRIPTOR = 100
DESCRIPTORS_MAX = 4096
BACKLOG = 1024
REQUEST_BYTES_MAX = 4096
REQUEST_WITHIN_S = 1.0
BIND_WITHIN_S = 3.0
GRACE_S_MAX = 3600.0
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 10.0
CALM_S = 30.0  # a program that ran as long starts its backoff anew
ORPHAN_GRACE_S = 1.0
LOG_BYTES_MAX = 1024 * 1024
PROGRAMS_MAX = 8
PR_SET_PDEATHSIG = 1
RUNNING, WAITING, STOPPING = "running", "waiting", "stopping"
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)

_libc = ctypes.CDLL(None, use_errno=True)


class Program:
    """One program of a slot, from its start to its end; restarts keep it."""

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.pid = 0
        self.state = RUNNING
        self.crashes = 0
        self.last = ""
        self.backoff_s = BACKOFF_FIRST_S
        self.started = 0.0
        self.due = 0.0  # when it is restarted, or killed
        self.admin = ""
        self.is_hung = False  # it is killed to be started again, which is no end by itself


SHOWN = ("slot", "pid", "state", "crashes", "last", "admin")
"""What is told of a program."""


class Supervisor:
    """The running process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._sockets = Path(settings["sockets"])
        self._slots = Path(settings["slots"]).resolve()
        self._logs = Path(settings["logs"])
        self._grace_s = float(settings["stop_grace_s"])
        self._pid = os.getpid()
        self._programs: list[Program] = []
        self._orphans = self._left_behind()
        self._listeners: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._quitting = False
        self._asked_to_quit = False

    def run(self) -> None:
        """Supervise until told to quit."""
        self._listeners = [self._bind(str(item["address"])) for item in self._settings["listen"]]
        self._take_signals()
        self._watch_lifeline()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = self._sockets / "supervisor.sock"
        path.unlink(missing_ok=True)
        door.bind(str(path))
        path.chmod(0o600)
        door.listen(16)
        self._selector.register(door, selectors.EVENT_READ, lambda: self._answer(door))
        while not (self._quitting and not self._programs):
            for key, _ in self._selector.select(self._patience_s()):
                key.data()
            self._look()
        path.unlink(missing_ok=True)

    def _answer(self, door: socket.socket) -> None:
        try:
            asking, _ = door.accept()
        except OSError:
            return
        with asking:
            asking.settimeout(REQUEST_WITHIN_S)
            try:
                request = json.loads(asking.makefile("rb").readline(REQUEST_BYTES_MAX))
                asking.sendall(json.dumps(self._done(request)).encode() + b"\n")
            except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
                _say(f"a request was not understood: {error!r}")

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        error = ""
        match request["do"]:
            case "start":
                error = self._start(str(request["slot"]))
            case "stop":
                self._stop(str(request["slot"]), self._grace_s)
            case "restart":
                self._restart(str(request["slot"]), int(request["pid"]))
            case "quit":
                self._quit(min(max(0.0, float(request.get("grace_s", self._grace_s))), GRACE_S_MAX))
            case "status":
                pass
            case other:
                error = f"there is no {other!r} to do; there are start, stop, restart, status, quit"
        shown = [{name: getattr(item, name) for name in SHOWN} for item in self._programs]
        return {"error": error, "pid": self._pid, "settings": self._settings, "programs": shown}

    def _start(self, slot: str) -> str:
        if any(program.slot == slot and program.state != STOPPING for program in self._programs):
            return ""
        if self._quitting:
            return f"slot {slot}: the supervisor is ending; start it again first"
        if len(self._programs) >= PROGRAMS_MAX:
            return f"slot {slot}: {PROGRAMS_MAX} programs still run here; wait until one has stopped"
        if not os.access(self._slots / slot / "start", os.X_OK):
            return f"slot {slot} has no executable file `start`; stage a release into it"
        program = Program(slot)
        self._programs.append(program)
        self._spawn(program)
        return ""

    def _stop(self, slot: str, grace_s: float) -> None:
        for program in list(self._programs):
            if program.slot != slot or program.state == STOPPING:
                continue
            if program.state == WAITING:
                self._programs.remove(program)
                continue
            program.state = STOPPING
            program.due = time.monotonic() + grace_s
            _signal(program.pid, signal.SIGTERM)

    def _restart(self, slot: str, pid: int) -> None:
        for program in self._programs:
            if (program.slot, program.pid, program.state) == (slot, pid, RUNNING):
                program.is_hung = True
                _say(f"slot {slot}: {pid} does not answer and is killed")
                _signal(pid, signal.SIGKILL)

    def _quit(self, grace_s: float) -> None:
        self._quitting = True
        for slot in {program.slot for program in self._programs}:
            self._stop(slot, grace_s)
        latest = time.monotonic() + grace_s
        for program in self._programs:
            program.due = min(program.due, latest)

    def _patience_s(self) -> float:
        dues = [program.due for program in self._programs if program.state != RUNNING]
        dues += [due for _, _, due in self._orphans]
        return max(0.0, min(dues) - time.monotonic()) if dues else 60.0

    def _look(self) -> None:
        if self._asked_to_quit and not self._quitting:
            self._quit(self._grace_s)
        now = time.monotonic()
        for program in list(self._programs):
            if program.state != WAITING:
                self._reap(program, now)
        for program in self._programs:
            if program.due > now or program.state == RUNNING:
                continue
            if program.state == WAITING:
                self._spawn(program)
            else:
                _say(f"slot {program.slot}: {program.pid} did not stop in time and is killed")
                _signal(program.pid, signal.SIGKILL)
                program.due = now + 1.0
        for pid, since, due in list(self._orphans):
            if _started(pid) != since:
                self._orphans.remove((pid, since, due))
            elif due <= now:
                _signal(pid, signal.SIGKILL)
                self._orphans.remove((pid, since, due))

    def _reap(self, program: Program, now: float) -> None:
        if os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return
        # what it may have left behind in its group, while that still has its name
        _signal(program.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(program.pid, 0)[1])
        self._admin(program.slot, program.pid).unlink(missing_ok=True)
        how = f"exit {code}" if code >= 0 else f"signal {-code}"
        _say(f"slot {program.slot}: {program.pid} ended with {how}")
        if program.state == STOPPING:
            self._programs.remove(program)
        elif program.is_hung:
            program.is_hung, program.state, program.due = False, WAITING, now
        else:
            if now - program.started >= CALM_S:
                program.backoff_s = BACKOFF_FIRST_S
            program.crashes += 1
            program.last = how
            program.state = WAITING
            program.due = now + program.backoff_s
            program.backoff_s = min(2 * program.backoff_s, BACKOFF_MAX_S)
        self._note()

    def _spawn(self, program: Program) -> None:
        self._turn_log(program.slot)
        # a child must not handle what is meant for its parent
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        pid = os.fork()
        if pid == 0:
            self._become(program.slot, program.crashes)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        program.pid = pid
        program.state = RUNNING
        program.started = time.monotonic()
        program.admin = str(self._admin(program.slot, pid))
        self._note()
        _say(f"slot {program.slot}: {pid} started")

    def _admin(self, slot: str, pid: int) -> Path:
        return self._sockets / f"{slot}-{pid}.sock"

    def _become(self, slot: str, crashes: int) -> NoReturn:
        """In the child: from here to the program."""
        try:
            os.setsid()
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != self._pid:
                os._exit(0)
            pid = os.getpid()
            path = self._slots / slot
            high = [fcntl.fcntl(item.fileno(), fcntl.F_DUPFD, HIGH_DESCRIPTOR) for item in self._listeners]
            log = os.open(self._log(slot), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
                os.dup2(source, target)
            for number, descriptor in enumerate(high):
                os.dup2(descriptor, FIRST_DESCRIPTOR + number)
            os.closerange(FIRST_DESCRIPTOR + len(high), DESCRIPTORS_MAX)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, *HANDLED):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            os.chdir(path)
            os.execve("./start", [str(path / "start")], self._environment(slot, pid, crashes))  # noqa: S606
        except BaseException as error:  # or the child would go on as a second supervisor
            os.write(2, f"slot {slot} cannot be started: {error!r}\n".encode())
        os._exit(127)

    def _environment(self, slot: str, pid: int, crashes: int) -> dict[str, str]:
        return {
            **os.environ,
            "LISTEN_PID": str(pid),
            "LISTEN_FDS": str(len(self._listeners)),
            "LISTEN_FDNAMES": ":".join(str(item["name"]) for item in self._settings["listen"]),
            "WAVETRAIN_NODE": str(self._settings["node"]),
            "WAVETRAIN_SHARED": str(self._settings["shared"]),
            "WAVETRAIN_PYTHON": str(self._settings["python"]),
            "WAVETRAIN_ADMIN_SOCKET": str(self._admin(slot, pid)),
            "WAVETRAIN_STOP_GRACE_S": str(self._grace_s),
            "WAVETRAIN_RESTARTS": str(crashes),
        }

    def _bind(self, address: str) -> socket.socket:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        latest = time.monotonic() + BIND_WITHIN_S
        while True:
            try:
                listener.bind((host, int(port)))
                listener.listen(BACKLOG)
                return listener
            except OSError as error:
                if time.monotonic() > latest:
                    sys.exit(
                        f"cannot listen on {address}: {error.strerror}; end who holds it, or change `listen`"
                    )
                if time.monotonic() > latest - BIND_WITHIN_S / 2:
                    for pid, since, _ in self._orphans:
                        if _started(pid) == since:
                            _signal(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _take_signals(self) -> None:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_quit)
        self._selector.register(reading, selectors.EVENT_READ, lambda: os.read(reading, 512))

    def _ask_to_quit(self, *_: object) -> None:
        self._asked_to_quit = True

    def _watch_lifeline(self) -> None:
        named = os.environ.get("WAVETRAIN_LIFELINE_PID")
        if not named:
            return
        try:
            watched = os.pidfd_open(int(named))
        except ProcessLookupError:
            sys.exit(f"the process {named} that this supervisor should end with is gone already")

        def end() -> None:
            self._selector.unregister(watched)
            self._quit(min(self._grace_s, ORPHAN_GRACE_S))

        self._selector.register(watched, selectors.EVENT_READ, end)

    def _log(self, slot: str) -> Path:
        return self._logs / f"{slot}.log"

    def _turn_log(self, slot: str) -> None:
        log = self._log(slot)
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))

    def _note(self) -> None:
        kept = [[item.pid, _started(item.pid)] for item in self._programs if item.state != WAITING]
        new = self._sockets / "programs.json.new"
        new.write_text(json.dumps(kept))
        new.replace(self._sockets / "programs.json")

    def _left_behind(self) -> list[tuple[int, int, float]]:
        try:
            kept = json.loads((self._sockets / "programs.json").read_bytes())
            due = time.monotonic() + self._grace_s
            return [(int(pid), int(since), due) for pid, since in kept if since and _started(pid) == since]
        except (OSError, ValueError):
            return []


def _started(pid: int) -> int:
    """When a process was started, in the kernel's ticks since boot; 0 when it is gone.

    Pids are used again; a pid with this is not.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _signal(pid: int, number: int) -> None:
    """To a process and its group; it may be too young to have one of its own."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
            return
        except (ProcessLookupError, PermissionError):
            continue


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} supervisor: {text}\n")
    sys.stderr.flush()


def main() -> None:
    """Supervise as the file says that is the only argument; refuse where another one does already."""
    settings = json.loads(Path(sys.argv[1]).read_bytes())
    lock = os.open(
        Path(settings["sockets"]) / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another supervisor already runs for {settings['node']}; ask that one")
    Supervisor(settings).run()


if __name__ == "__main__":
    main()
