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
from wavetrain.agent import worker as work
from wavetrain.agent.config import (
    CommandInstall,
    CommandLook,
    CommandMove,
    Config,
    HttpLook,
    LabBalancer,
    NoMove,
    Slots,
    TcpLook,
)
from wavetrain.agent.control_plane import ControlPlane
from wavetrain.agent.install_command import CommandInstaller
from wavetrain.agent.install_slots import SlotsInstaller
from wavetrain.agent.log import log_for
from wavetrain.agent.loop import Loop
from wavetrain.agent.memory import Keeper
from wavetrain.agent.pace import Pace
from wavetrain.agent.permission import Judge, boot_id
from wavetrain.agent.ports import Installer, Probe, Traffic
from wavetrain.agent.probe_command import CommandProbe
from wavetrain.agent.probe_http import HttpProbe
from wavetrain.agent.probe_tcp import TcpProbe
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.agent.traffic_command import CommandTraffic
from wavetrain.agent.traffic_lab import LabTraffic
from wavetrain.agent.traffic_none import NoTraffic
from wavetrain.agent.visits import Visits
from wavetrain.errors import LockedError, RefusedError

FINISH_WITHIN_S = 2.0


class _EndError(BaseException):
    """SIGTERM or SIGINT arrived."""


def run(config_path: Path) -> None:
    """Be the agent until SIGTERM; the supervisor and its programs serve on. Raises `RefusedError`, `LockedError`."""
    config = configuration.read(config_path)
    pace = Pace()
    _watch_lifeline()
    log = log_for(config.node)
    control_plane = ControlPlane(config.control_plane, _word(config.token_file, "the token"), config.ca_file)
    judge = Judge(config.node, _word(config.key_file, "the control plane's key"))
    boot = boot_id()
    keeper = Keeper(Path(config.folder))
    worker = work.Worker(
        keeper,
        installer_for(config),
        traffic_for(config),
        probe_for(config),
        control_plane.opener,
        _limits(config),
        pace,
        boot,
        log,
    )
    loop = Loop(
        keeper,
        control_plane,
        Visits(config.visits_url),
        judge.objection,
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
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        worker.recover(config.initial)
        working.start()
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
            if hooks.confirm:
                commands["confirm"] = hooks.confirm
            return CommandInstaller(folder, config.node, commands, hooks.timeout_s)
        case other:
            assert_never(other)


def traffic_for(config: Config) -> Traffic:
    """The driver that the config names."""
    match config.traffic:
        case LabBalancer() as balancer:
            return LabTraffic(balancer.url, config.node, balancer.invite_spread_ms)
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


def _limits(config: Config) -> work.Limits:
    return work.Limits(
        drain_timeout_s=config.drain_timeout_s,
        drain_spread_ms=config.drain_spread_ms,
        probe_timeout_s=config.probe_timeout_s,
        probe_every_s=config.probe_every_s,
        probe_successes=config.probe_successes,
        nice=config.nice,
    )


def _word(file: str, what: str) -> str:
    try:
        word = Path(file).read_text().strip()
    except OSError as error:
        raise RefusedError(f"{what} cannot be read from {file}: {error.strerror}; write it there") from error
    if not word:
        raise RefusedError(f"{file} is empty; write {what} there")
    return word


def _end(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise _EndError


def _watch_lifeline() -> None:
    """End at once when the process is gone that the environment says the agent should end with."""
    named = os.environ.get("WAVETRAIN_DIE_WITH") or os.environ.get("WAVETRAIN_LIFELINE_PID")
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
