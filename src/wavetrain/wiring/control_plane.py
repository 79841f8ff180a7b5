"""Control plane: which parts does the running program consist of?"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

import uvicorn

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.scrape import ScrapeSource
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control import tokens
from wavetrain.control.leap import leap
from wavetrain.control.tick import Ticker
from wavetrain.doors.http import build
from wavetrain.errors import StaleError, UnreachableError, WavetrainError
from wavetrain.wiring.clock import running_s
from wavetrain.wiring.config import TICK_S_MIN, Config, load
from wavetrain.wiring.server import Server

TRIM_EVERY_S = 3600.0
"""How often changes and journal lines beyond the store's limits are forgotten."""
STOP_S = 5.0
"""How long open requests may take to end when the control plane is told to stop."""


class ControlPlane:
    """One running control plane: a store, a ticker in its own thread, and the doors."""

    def __init__(self, config: Config, folder: Path) -> None:
        self._config = config
        holder = f"{socket.gethostname()}:{os.getpid()}"
        self.store = SqlStore(folder / "store.sqlite", exclusive=True, holder=holder)
        self.store.take(holder)
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.trust = SigningKey(folder / "signing.key")
        (folder / "signing.pub").write_text(self.trust.public() + "\n")
        self.health = ScrapeSource()
        self.ticker = Ticker(self.store, self.health, running=running_s)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker")
        _first_token(self.store, folder / "admin.token")

    def serve(self) -> None:
        """Serve until SIGTERM or SIGINT. Prints one line of JSON when the doors are open."""
        app = build(self.store, self.artifacts, self.trust, self.ticker.watch.evidence_of)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            loop="uvloop",
            http="httptools",
            lifespan="on",
            timeout_graceful_shutdown=int(STOP_S),
            timeout_keep_alive=60,
        )
        server = Server(config, self._config.listen, app.state.house.herald.close)
        try:
            with self._listening() as door:
                self._thread.start()
                server.run([door])
        finally:
            self.close()

    def _listening(self) -> socket.socket:
        host, _, port = self._config.listen.rpartition(":")
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=2048)
        except OSError as error:
            raise UnreachableError(
                f"cannot listen on {self._config.listen}: {error.strerror}; end what listens there, or change listen"
            ) from None

    def close(self) -> None:
        """End the ticker, then let go of the store."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.health.close()
        self.store.close()

    def _run(self) -> None:
        """Tick when something changed, at the latest after `tick_s`; an error is said, and the next tick goes on.

        A change that comes while a tick runs, its own commits included, starts the next one: a tick that finds
        nothing to do changes nothing, so this comes to rest.
        """
        seen, trimmed_at = 0, time.monotonic()
        while not self._ended.is_set():
            seen = self.store.wait_change(seen, 0.0)
            try:
                self.ticker.tick()
                if self._config.jump:
                    leap(self.store)
                if time.monotonic() - trimmed_at > TRIM_EVERY_S:
                    trimmed_at = time.monotonic()
                    self.store.trim()
            except StaleError as error:
                _say(f"tick: {error}")
            except WavetrainError as error:
                _say(f"tick failed: {error}")
            except Exception:
                # A fault of ours must not end the ticker in silence: nothing was written, the next tick tries again.
                _say(f"tick failed by a fault of its own\n{traceback.format_exc()}")
            self._ended.wait(TICK_S_MIN)
            self.store.wait_change(seen, self._config.tick_s)


def serve(file: Path) -> None:
    """`wavetrain up`: run the control plane that `file` describes until told to stop."""
    config, folder = load(file)
    if config.nice:
        os.nice(config.nice)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server hears them while it serves, and raises them again when it has ended: by then we close.
        signal.signal(number, lambda *_: None)
    ControlPlane(config, folder).serve()


def _first_token(store: SqlStore, file: Path) -> None:
    """The first start leaves an admin's token in a file that only its owner may read."""
    secret = tokens.ensure_first(store)
    if secret is None:
        return
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secret + "\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} wavetrain {text}\n")
    sys.stderr.flush()
