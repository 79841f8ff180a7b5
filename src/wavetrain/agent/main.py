"""The agent's program: which drivers does it run with?"""

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import assert_never

from wavetrain.agent import config as configuration
from wavetrain.agent import watchdog as watching
from wavetrain.agent import worker as work
from wavetrain.agent.config import (
    CommandInstall,
    CommandLook,
    CommandMove,
    Config,
    Haproxy,
    HttpLook,
    LabBalancer,
    NoMove,
    Slots,
    TcpLook,
)
from wavetrain.agent.control_plane import ControlPlane
from wavetrain.agent.enrol import Enrolment
from wavetrain.agent.haproxy_socket import HaproxySocket
from wavetrain.agent.identity import Identity
from wavetrain.agent.install_command import CommandInstaller
from wavetrain.agent.install_slots import SlotsInstaller
from wavetrain.agent.log import Log, log_for
from wavetrain.agent.loop import Loop
from wavetrain.agent.memory import Keeper
from wavetrain.agent.pace import Pace
from wavetrain.agent.permission import boot_id
from wavetrain.agent.ports import Installer, Probe, Traffic
from wavetrain.agent.probe_command import CommandProbe
from wavetrain.agent.probe_http import HttpProbe
from wavetrain.agent.probe_tcp import TcpProbe
from wavetrain.agent.reconnects import Reconnects
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.agent.traffic_command import CommandTraffic
from wavetrain.agent.traffic_haproxy import HaproxyTraffic
from wavetrain.agent.traffic_lab import LabTraffic
from wavetrain.agent.traffic_none import NoTraffic
from wavetrain.agent.visits import Visits
from wavetrain.errors import LockedError, RefusedError, UnreachableError

FINISH_WITHIN_S = 2.0


class _EndError(BaseException):
    """SIGTERM or SIGINT arrived."""


def run(config_path: Path) -> None:
    """Be the agent until SIGTERM; the supervisor and its programs serve on. Raises `RefusedError`, `LockedError`."""
    config = configuration.read(config_path)
    pace = Pace()
    _watch_lifeline()
    log = log_for(config.node, config.log)
    boot = boot_id()
    keeper = Keeper(Path(config.folder))
    identity = Identity(config.node, Path(config.folder), config.ca_file, config.key_file)
    control_plane = ControlPlane(config.control_plane, identity)
    enrolment = Enrolment(config.node, identity, control_plane, config.join_file, log, time.time, pace.now)
    installer, probe = installer_for(config), probe_for(config)
    reconnects = Reconnects(config.reconnects_url)
    worker = work.Worker(
        keeper,
        installer,
        _checked(traffic_for(config), log),
        probe,
        control_plane.opener,
        _limits(config),
        pace,
        boot,
        log,
        reconnects.last_words,
    )
    loop = Loop(
        keeper,
        control_plane,
        Visits(config.visits_url),
        reconnects,
        enrolment,
        lambda: identity.judge,
        pace,
        log,
        node=config.node,
        metrics=config.metrics,
        boot=boot,
        clock=time.time,
        wait_s=config.poll_wait_s,
        backoff_max_s=config.backoff_max_s,
    )
    working = work.thread(worker)
    rules = _watch_rules(config)
    watch = watching.thread(watching.Watchdog(keeper, installer, probe, rules, pace, log))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        worker.recover(config.initial)
        working.start()
        if rules.looks:
            watch.start()
        loop.run()
    except _EndError:
        log("ends")
    finally:
        pace.end()
        keeper.wake()
        if working.ident is not None:
            working.join(FINISH_WITHIN_S)
        control_plane.close()


def installer_for(config: Config) -> Installer:
    """The driver that the config names."""
    folder = Path(config.folder)
    match config.installer:
        case Slots() as slots:
            settings = Settings(
                node=config.node,
                listen=slots.listen,
                slots=str(folder / "slots"),
                shared=slots.shared,
                sockets=slots.sockets,
                logs=str(folder / "logs"),
                python=sys.executable,
                stop_grace_s=slots.stop_grace_s,
            )
            return SlotsInstaller(folder, Supervised(settings), slots.stop_grace_s, slots.component)
        case CommandInstall() as hooks:
            commands = {
                "stage": hooks.stage,
                "switch": hooks.switch,
                "back": hooks.back,
                "current": hooks.current,
            }
            maybe = {"confirm": hooks.confirm, "restart": hooks.restart}
            commands |= {name: hook for name, hook in maybe.items() if hook}
            return CommandInstaller(folder, config.node, commands, hooks.timeout_s)
        case other:
            assert_never(other)


def traffic_for(config: Config) -> Traffic:
    """The driver that the config names."""
    match config.traffic:
        case LabBalancer() as balancer:
            return LabTraffic(balancer.url, config.node, balancer.invite_spread_ms)
        case Haproxy() as place:
            return HaproxyTraffic(
                HaproxySocket(place.socket, place.timeout_s),
                place.backend,
                place.server or config.node,
                node=config.node,
                goaway_url=place.goaway_url,
                stay_url=place.stay_url,
                invite_urls=place.invite_urls,
                invite_spread_ms=place.invite_spread_ms,
                left=place.left,
                timeout_s=place.timeout_s,
                ready_timeout_s=place.ready_timeout_s,
            )
        case CommandMove() as hooks:
            commands = {"drain": hooks.drain, "undrain": hooks.undrain}
            commands |= {"sessions": hooks.sessions} if hooks.sessions else {}
            commands |= {"invite": hooks.invite} if hooks.invite else {}
            return CommandTraffic(config.node, commands, hooks.timeout_s)
        case NoMove():
            return NoTraffic()
        case other:
            assert_never(other)


def probe_for(config: Config) -> Probe:
    """The driver that the config names."""
    match config.probe:
        case HttpLook() as look:
            return HttpProbe(look.url, look.timeout_s)
        case TcpLook() as look:
            return TcpProbe(look.address, look.timeout_s)
        case CommandLook() as look:
            return CommandProbe(config.node, look.argv, look.timeout_s)
        case other:
            assert_never(other)


def _checked(traffic: Traffic, log: Log) -> Traffic:
    """Raises `RefusedError` where the balancer answers and lacks what the config names; it may be away for now."""
    if isinstance(traffic, HaproxyTraffic):
        try:
            traffic.check()
        except UnreachableError as error:
            log("traffic not checked", problem=str(error))
    return traffic


def _watch_rules(config: Config) -> watching.Rules:
    return watching.Rules(
        every_s=config.watchdog.every_s,
        looks=config.watchdog.looks,
        look_s=config.probe.timeout_s,
        grace_s=config.probe_timeout_s,
        backoff_s=config.watchdog.backoff_s,
        restarts_max=config.watchdog.restarts_max,
    )


def _limits(config: Config) -> work.Limits:
    return work.Limits(
        drain_timeout_s=config.drain_timeout_s,
        drain_spread_ms=config.drain_spread_ms,
        probe_timeout_s=config.probe_timeout_s,
        probe_every_s=config.probe_every_s,
        probe_successes=config.probe_successes,
        nice=config.nice,
    )


def _end(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise _EndError


def _watch_lifeline() -> None:
    """End at once when the process is gone that the environment says the agent should end with."""
    named = os.environ.get("WAVETRAIN_LIFELINE_PID")
    if not named:
        return
    try:
        watched = os.pidfd_open(int(named))
    except ProcessLookupError:
        raise RefusedError(f"the process {named} that this agent should end with is gone already") from None

    def watch() -> None:
        select.select([watched], [], [])
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except (RefusedError, LockedError) as error:
        sys.exit(f"agent: {error}")
