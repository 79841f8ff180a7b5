"""Log: what does the control plane say of itself, and where does it say it?"""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from wavetrain.wire.log_line import Style, renderer

EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "starts": ("info", "the control plane begins, with its version, its folder and its place"),
    "ready": ("info", "the doors are open"),
    "ends": ("info", "it was told to stop, and has"),
    "takes over": ("info", "it asks the control plane that runs for its doors and its store"),
    "store expanded": ("info", "a new release has added to the store what it needs; the older one works on"),
    "hands over": ("info", "another release asks for the doors and the store; `pid` is its process"),
    "handed over": ("info", "the other release has proven itself; the epoch has moved"),
    "handed back": ("error", "the other release is not well, and `why`; this one goes on in its place"),
    "tick stale": (
        "info",
        "somebody changed a rollout while its choice was made; the next tick chooses again",
    ),
    "tick failed": ("error", "a tick ended with an error; the next one tries again"),
    "tick fault": ("error", "a tick ended with a fault of the program itself; `trace` says where"),
    "placebo trains": ("info", "what placebo trains on the fleet at rest certify of the policy's promise"),
    "placebo trains failed": ("warning", "they ended with an error; an hour later they are tried again"),
    "placebo trains fault": ("error", "they ended with a fault of the program itself; `trace` says where"),
    "picture failed": ("warning", "the figures of /metrics could not be gathered; the last ones stay"),
    "publishing failed": (
        "warning",
        "what people see of maintenance was not written or not shown now; the next look makes it from the same facts",
    ),
    "notices failed": (
        "warning",
        "notices to customers were not made or not carried now; the same facts and the outbox have them go again",
    ),
    "alerts failed": (
        "warning",
        "alerts were not made or not carried out now; the facts and the outbox make it again",
    ),
    "standby": ("info", "another control plane holds the lease of the store; this one waits for it"),
    "lease lost": ("error", "another control plane may write now; this one writes no more, and ends"),
    "certificate": ("info", "the doors show a new certificate, to whoever connects from now on"),
    "certificate failed": ("error", "the doors' new certificate is no good; they go on with the old one"),
    "not ready": ("warning", "/readyz says 503 since this moment; `checks` says which checks fail"),
    "ready again": ("info", "/readyz says 200 since this moment"),
    "source fault": ("warning", "the source of measurements is not well; its nodes are not seen meanwhile"),
    "source well": ("info", "the source of measurements says what it is asked for"),
    "source clock": ("warning", "the source's clock and ours differ; bins are placed by the source's"),
    "thread fault": ("error", "a thread ended with a fault of the program itself; `trace` says where"),
    "library": ("by the library", "what a library said, in `text`; `logger` is its name"),
}
"""Every event of the control plane: its level and what it means. The names are stable; docs/health.md lists them."""

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Log:
    """The log of one process. `say` never raises, and is safe under threads."""

    def __init__(self, style: Style = "auto", stream: TextIO | None = None) -> None:
        out = stream or sys.stderr
        line = renderer(style, out)

        def render(_: object, __: str, said: MutableMapping[str, Any]) -> str:
            return line(said["time"], said["level"], said["event"], said["fields"])

        self._log = structlog.wrap_logger(
            _Lines(out),
            processors=[structlog.processors.add_log_level, _stamp, render],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=False,
        )

    def say(self, event: str, **fields: object) -> None:
        """One line about an event of `EVENTS`."""
        self.write(EVENTS[event][0] if event in EVENTS else "info", event, fields)

    def write(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        """One line at a level of our choice."""
        # As one argument: a field may have any name, also that of a parameter.
        self._log.log(_LEVELS.get(level, logging.INFO), event, fields=fields)

    def take_over(self) -> None:
        """Write from now on what libraries log, and what ends a thread."""
        root = logging.getLogger()
        root.handlers = [_Routed(self)]
        root.setLevel(logging.WARNING)
        logging.captureWarnings(True)
        threading.excepthook = self._thread_ended

    def _thread_ended(self, ended: threading.ExceptHookArgs) -> None:
        if ended.exc_type is SystemExit:
            return
        name = ended.thread.name if ended.thread is not None else ""
        self.say(
            "thread fault", thread=name, trace=_trace(ended.exc_type, ended.exc_value, ended.exc_traceback)
        )


class _Lines:
    """Writes whole lines; one that cannot be written is lost, and the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()

    def msg(self, line: str) -> None:
        with self._turn:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    debug = info = warning = error = critical = log = msg


class _Routed(logging.Handler):
    """A library's own line as one of ours: its text is a field, so that it cannot pass for an event."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:
            text = str(record.msg)
        fields: dict[str, object] = {"logger": record.name, "text": text}
        if record.exc_info and record.exc_info[0] is not None:
            fields["trace"] = _trace(*record.exc_info)
        self._log.write(record.levelname.lower(), "library", fields)


def _stamp(_: object, __: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    said["time"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return said


def _trace(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> str:
    return "".join(traceback.format_exception(kind, error, trace)).strip()
