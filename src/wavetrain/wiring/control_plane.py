"""Control plane: which parts does the running program consist of?"""

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import uvicorn

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.issuer import Issuer, Pipelines
from wavetrain.adapters.oidc import Oidc
from wavetrain.adapters.private_file import write_private
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.adapters.sql_place import is_url
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control import tokens
from wavetrain.control.audience import Audience
from wavetrain.control.leap import leap
from wavetrain.control.ports import Store
from wavetrain.control.prover import Prover
from wavetrain.control.standings import Standings
from wavetrain.control.tick import Ticker
from wavetrain.control.vitals import Vitals
from wavetrain.doors.health import Checked, Readiness, ReadySeen
from wavetrain.doors.http import build
from wavetrain.doors.metrics import Metrics, Traffic, version
from wavetrain.doors.notes_written import House
from wavetrain.doors.statuspage import Page
from wavetrain.errors import LockedError, StaleError, WavetrainError
from wavetrain.wiring import checks, notice_config, sources
from wavetrain.wiring.alerts import Couriers
from wavetrain.wiring.clock import running_s, utc_now
from wavetrain.wiring.config import TICK_S_MIN, Config, door_certificate, pinned, server_names, store_place
from wavetrain.wiring.connection import CONNECTIONS_MAX, Connection
from wavetrain.wiring.dispatching import Dispatching
from wavetrain.wiring.handover import Reception, Successor
from wavetrain.wiring.lease import LeaseKeeper, holder
from wavetrain.wiring.log import Log
from wavetrain.wiring.notify import Notify
from wavetrain.wiring.placebo_trains import PlaceboTrains
from wavetrain.wiring.publishing import Publishing
from wavetrain.wiring.server import Server
from wavetrain.wiring.source_log import SourceLog
from wavetrain.wiring.timed_store import TimedStore
from wavetrain.wiring.tls import Tls, given_pair, own_pair
from wavetrain.wiring.ways import lane_of

TRIM_EVERY_S = 3600.0
"""How often changes and journal lines beyond the store's limits are forgotten."""
STOP_S = 5.0
"""How long open requests may take to end when the control plane is told to stop."""
INSIDE = "WAVETRAIN_ADMIN_SOCKET"
"""Names the unix socket on which this process alone answers, where an agent's supervisor runs it."""


class ControlPlane:
    """One running control plane: a store, a ticker in its own thread, and the doors."""

    def __init__(self, config: Config, folder: Path, stopped: Callable[[], bool] = lambda: False) -> None:
        """On a database server it waits here until no other control plane holds the lease.

        `stopped` ends that wait, with `LockedError`.
        """
        self._config = config
        self._folder = folder
        self._log = Log(config.log)
        self._manager = Notify()
        self._vitals = Vitals()
        name = holder()
        self.store = SqlStore(store_place(config, folder), exclusive=True, holder=name)
        self._ended = threading.Event()
        self._lost = ""
        self._server: Server | None = None
        self._successor: Successor | None = None
        self._keeper = LeaseKeeper(self.store, name, self._lose) if is_url(config.store) else None
        if self._keeper is None:
            self.store.take(name)
        elif not self._keeper.take(self._wait_for_lease, stopped):
            self.store.close()
            raise LockedError("told to stop while another control plane held the lease")
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.trust = SigningKey(folder / "signing.key")
        (folder / "signing.pub").write_text(self.trust.public() + "\n")
        self.authority = OwnAuthority(folder, utc_now())
        self._tls = tls_of(config, folder, self.authority, self._log)
        self.health = sources.opened(config.health)
        self._source_log = SourceLog(self._log)
        self._timed = TimedStore(self.store, self._vitals.wrote)
        prover = Prover(self._timed)
        self.standings = Standings(self._timed, kept=True)
        self.audience = Audience(self.standings, self.store.wake)
        self.ticker = Ticker(
            self._timed, self.health, running=running_s, at_rest=prover.take, evaluators=self.audience
        )
        self._placebos = PlaceboTrains(prover, self._log)
        self._publishing = Publishing(self._timed, self._log, config.promise_s)
        self._couriers = Couriers(self._timed, config.alert, name, self._log)
        self._page = Page(config.status.title, config.status.address)
        self._carriers = notice_config.carriers(config.notices, self._page)
        self._dispatching = Dispatching(
            self._timed, lane_of, self._carriers.carry, self._log, notice_config.pauses(config.notices)
        )
        self._thread = threading.Thread(target=self._run, name="ticker")
        self._follower = threading.Thread(target=self.standings.keep, args=(self._ended,), name="standings")
        first_token(self.store, folder / "admin.token")

    def serve(
        self,
        door: socket.socket,
        prove_s: float = 0.0,
        proven: Callable[[], None] = lambda: None,
        *,
        begin_s: float = 0.0,
    ) -> str:
        """Serve on `door`, which stays open, until SIGTERM or SIGINT, or until somebody takes over: see `successor`.

        Prints one line of JSON when the doors are open. With `prove_s` they open, and `proven` is called, only when
        /readyz has answered with 200 within that time; else this returns why not. With `begin_s` they open after the
        first tick, where that does not take longer.
        """
        self._log.take_over()
        self._log.say("starts", version=version(), folder=str(self._folder), listen=self._config.listen)
        ready = Readiness(self._checks(), time.monotonic, self._turned)
        metrics = Metrics(self._vitals, Traffic(), time.monotonic, ready, self.health.figures)
        live = self.ticker.watch.evidence_of
        publisher = House(title=self._config.notes.title, address=self._config.notes.address)
        app = build(
            self._timed,
            self.artifacts,
            self.trust,
            live,
            ready,
            metrics,
            authority=self.authority,
            publisher=publisher,
            standings=self.standings,
            audience=self.audience,
            board=self._publishing.board,
            page=self._page,
            ways=self._carriers.ways,
            pipelines=Pipelines(tuple(Issuer(pinned(one)) for one in self._config.ci)),
            provider=provider_of(self._config),
            outlooks=self._publishing.outlooks,
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            loop="uvloop",
            http=Connection,
            ws="none",
            ssl_context_factory=lambda *_: self._tls.context,
            limit_concurrency=CONNECTIONS_MAX,
            lifespan="on",
            timeout_graceful_shutdown=int(STOP_S),
            timeout_keep_alive=60,
        )
        reception = Reception(self._folder, self._hear)

        def opened(where: str) -> None:
            self._manager.ready(where)
            self._log.say("ready", where=where)
            proven()
            reception.open()

        self._server = server = Server(
            config,
            self._config.listen,
            app.state.let_go,
            opened,
            self._tls.refresh,
            prove_s=prove_s,
            begin_s=begin_s,
            begun=lambda: self._vitals.pulse.ended_at is not None,
            inside=os.environ.get(INSIDE, ""),
        )
        try:
            server.should_exit = self._ended.is_set()  # the lease may be lost already
            self._thread.start()
            self._follower.start()
            self._couriers.start()
            self._placebos.start()
            self._publishing.start()
            self._dispatching.start()
            server.run([door.dup()])
        finally:
            reception.close()
            self.close()
        if self._lost:
            raise LockedError(f"{self._lost}; this one has ended: start it again as its standby")
        return server.unproven

    @property
    def successor(self) -> Successor | None:
        """Who takes over, when `serve` has ended for that."""
        return self._successor

    def _hear(self, successor: Successor) -> None:
        """Somebody asks to take over: the tick ends first, while the doors are still open."""
        if self._successor is not None or self._ended.is_set() or self._server is None:
            successor.refuse("it ends already, or hands over to another one; try again in a moment")
            return
        self._successor = successor
        self._log.say("hands over", release=successor.asked.release, pid=successor.pid)
        self._rest()
        self._server.leave()

    def _wait_for_lease(self) -> None:
        self._manager.waits("another control plane holds the lease")
        self._log.say("standby", text="another control plane holds the lease; waiting for it")

    def _lose(self, why: str) -> None:
        """Nothing more is written, and the doors close: who asks next finds the control plane that took over."""
        self._lost = why
        self._log.say("lease lost", error=why)
        self._ended.set()
        if self._server is not None:
            self._server.should_exit = True

    def _checks(self) -> dict[str, Callable[[], Checked]]:
        """What /readyz asks."""
        keeper = self._keeper
        return {
            "store": checks.store(self.store),
            "tick": checks.tick(self._vitals, self._config.tick_s, time.monotonic),
            "lease": checks.lease((lambda: keeper.held) if keeper is not None else None),
            "disk": checks.disk(self._folder, self._config.disk_free_mb),
            "certificate": checks.certificate(door_certificate(self._config, self._folder), utc_now),
        }

    def _turned(self, seen: ReadySeen) -> None:
        if seen.ready:
            self._log.say("ready again")
        else:
            self._log.say("not ready", checks={item.name: item.text for item in seen.checks if not item.ok})

    def close(self) -> None:
        """End the ticker, then let go of the store."""
        if self._successor is None:
            self._manager.ends()
        self._rest()
        if self._follower.is_alive():
            self._follower.join()
        self.standings.close()
        self.health.close()
        if self._keeper is not None:
            self._keeper.end()
        self.store.close()
        self._log.say("ends")

    def _rest(self) -> None:
        """Nothing is decided or carried out any more; a second call does nothing."""
        self._ended.set()
        while self._thread.is_alive():
            self.store.wake()  # it may just be about to wait
            self._thread.join(0.05)
        self._publishing.end()
        self._dispatching.end()
        self._couriers.end()
        self._placebos.end()

    def _run(self) -> None:
        """Tick when something changed, at the latest after `tick_s`; an error is said, and the next tick goes on.

        A change that comes while a tick runs, its own commits included, starts the next one: a tick that finds
        nothing to do changes nothing, so this comes to rest.
        """
        seen, trimmed_at = 0, time.monotonic()
        while not self._ended.is_set():
            seen = self.store.wait_change(seen, 0.0)
            commits = stale = 0
            failure = ""
            self._vitals.begins(time.monotonic())
            try:
                done = self.ticker.tick()
                commits, stale = done.commits, len(done.stale)
                for text in done.stale:
                    self._log.say("tick stale", error=text)
                if self._config.jump:
                    leap(self.store)
                if time.monotonic() - trimmed_at > TRIM_EVERY_S:
                    trimmed_at = time.monotonic()
                    self.store.trim()
            except StaleError as error:
                stale += 1
                self._log.say("tick stale", error=str(error))
            except WavetrainError as error:
                failure = str(error)
                self._log.say("tick failed", error=failure)
            except Exception as error:
                # A fault of ours must not end the ticker in silence: nothing was written, the next tick tries again.
                failure = repr(error)
                self._log.say("tick fault", trace=traceback.format_exc())
            self._vitals.ends(time.monotonic(), commits=commits, stale=stale, error=failure)
            self._manager.beat()
            self._couriers.after_tick()
            self._source_log.after_tick(self.health.figures())
            self._take_picture()
            if not self._ended.wait(TICK_S_MIN):
                self.store.wait_change(seen, self._config.tick_s)

    def _take_picture(self) -> None:
        """For /metrics; what cannot be gathered now is left as it was."""
        try:
            self._vitals.look(self.store, self.ticker.watch.evidence_of, time.monotonic)
        except WavetrainError as error:
            self._log.say("picture failed", error=str(error))
        except Exception:
            self._log.say("picture failed", trace=traceback.format_exc())


def first_token(store: Store, file: Path) -> None:
    """Where nobody may make tokens, an admin's token is left in a file that only its owner may read.

    The file comes first: a start that is cut short in between leaves a secret that counts from the next one on, and
    never a token that nobody has.
    """
    try:
        handed_out = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        handed_out = ""
    secret = tokens.first_secret(store, handed_out)
    if secret is not None:
        write_private(file, f"{secret}\n".encode())
        tokens.ensure_first(store, secret)


def provider_of(config: Config) -> Oidc | None:
    """Who says who people are, where it is configured."""
    told = config.oidc
    return Oidc(told.known(told.secret())) if told is not None else None


def tls_of(config: Config, folder: Path, authority: OwnAuthority, log: Log) -> Tls:
    """The own certificate, or by configuration the operator's."""
    if config.tls.certificate:
        pair = given_pair(Path(config.tls.certificate), Path(config.tls.key))
    else:
        pair = own_pair(authority, folder, server_names(config))
    return Tls(authority, pair, utc_now, log.say)
