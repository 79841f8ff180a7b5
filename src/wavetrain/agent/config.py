"""Config: what does `agent.toml` say?"""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from wavetrain.agent.supervised import Listen
from wavetrain.agent.traffic_haproxy import Left
from wavetrain.agent.worker import Initial
from wavetrain.errors import RefusedError
from wavetrain.wire.agent_messages import POLL_WAIT_S_MAX
from wavetrain.wire.log_line import Style

CONFIG_BYTES_MAX = 64 * 1024
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
HaproxyName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
StatsSocket = Annotated[
    str, msgspec.Meta(pattern=r"^(/.{1,106}|(127\.[0-9.]+|localhost|\[::1\]):[0-9]{1,5})\Z")
]
"""A path, or HOST:PORT on the loopback: whoever reaches it may do everything."""
ProgramUrl = Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^(http://[^\s]+)?\Z")]
Argv = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Slots(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="slots"
):
    """Two folders and the agent's own supervisor."""

    listen: tuple[Listen, ...] = ()
    component: str = ""
    """Where given, releases of another component are refused."""
    shared: str = "shared"
    """The programs' own folder, which outlives releases."""
    sockets: str = "run"
    """For unix sockets; a short path, because they allow 107 bytes."""
    stop_grace_s: Seconds = 10.0


class CommandInstall(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="command"
):
    """The operator's own programs, as lists of arguments."""

    stage: Argv
    switch: Argv
    back: Argv
    current: Argv
    confirm: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    """Kills a program that hangs, and starts it again; without it nobody looks for one."""
    timeout_s: Seconds = 60.0


class LabBalancer(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="lab"
):
    """The lab's balancer."""

    url: str
    invite_spread_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 800


class CommandMove(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="command"
):
    """The operator's own programs, as lists of arguments."""

    drain: Argv
    undrain: Argv
    sessions: tuple[str, ...] = ()
    invite: tuple[str, ...] = ()
    timeout_s: Seconds = 10.0


class Haproxy(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="haproxy"
):
    """HAProxy's runtime API."""

    socket: StatsSocket
    backend: HaproxyName
    server: HaproxyName | None = None
    """Without: the node's own name."""
    goaway_url: ProgramUrl = ""
    stay_url: ProgramUrl = ""
    invite_urls: dict[HaproxyName, ProgramUrl] = {}
    invite_spread_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 800
    left: Left = "stay"
    timeout_s: Seconds = 3.0
    ready_timeout_s: Seconds = 5.0


class NoMove(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="none"
):
    """Work that needs no moving."""


class HttpLook(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="http"
):
    """GET of a url that answers 200."""

    url: str
    timeout_s: Seconds = 1.0


class TcpLook(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="tcp"
):
    """A connection to `HOST:PORT`."""

    address: str
    timeout_s: Seconds = 1.0


class CommandLook(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="command"
):
    """A command that ends with 0."""

    argv: Argv
    timeout_s: Seconds = 5.0


class Watchdog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a program that does not answer is killed and started again."""

    looks: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    """In a row without an answer; 0: never."""
    every_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 0.5
    restarts_max: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    """In ten minutes."""
    backoff_s: Seconds = 5.0
    """Between the first two; twice as long after each."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. Paths are relative to the file's own folder."""

    node: Name
    pop: Name
    control_plane: str
    ca_file: str
    folder: str
    installer: Slots | CommandInstall
    probe: HttpLook | TcpLook | CommandLook
    traffic: LabBalancer | Haproxy | CommandMove | NoMove
    join_file: str = ""
    key_file: str = ""
    metrics: str = ""
    visits_url: str = ""
    reconnects_url: str = ""
    poll_wait_s: Annotated[float, msgspec.Meta(ge=0, le=POLL_WAIT_S_MAX)] = 20.0
    backoff_max_s: Seconds = 10.0
    drain_timeout_s: Seconds = 10.0
    drain_spread_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 500
    probe_timeout_s: Seconds = 10.0
    probe_every_s: Seconds = 0.1
    probe_successes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    watchdog: Watchdog = Watchdog()
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)] = 0
    initial: Initial | None = None
    log: Style = "auto"


def read(path: Path) -> Config:
    """The file with absolute paths. Raises `RefusedError` with the place, the rule and the way out."""
    try:
        content = path.read_bytes()
        if len(content) > CONFIG_BYTES_MAX:
            raise RefusedError(f"{path} has more than {CONFIG_BYTES_MAX} bytes; an agent needs a page")
        config = msgspec.convert(tomllib.loads(content.decode()), Config)
    except OSError as error:
        raise RefusedError(
            f"{path} cannot be read: {error.strerror}; name the agent's file with --config"
        ) from error
    except msgspec.ValidationError as error:
        raise RefusedError(f"{path}: {error}; correct this place") from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{path} is not TOML: {error}") from error
    return _placed(config, path.resolve().parent)


def _placed(config: Config, beside: Path) -> Config:
    replace = msgspec.structs.replace
    folder = beside / config.folder
    installer = config.installer
    if isinstance(installer, Slots):
        installer = replace(
            installer, shared=str(folder / installer.shared), sockets=str(folder / installer.sockets)
        )
    initial = config.initial
    return replace(
        config,
        folder=str(folder),
        ca_file=str(beside / config.ca_file),
        join_file=str(beside / config.join_file) if config.join_file else "",
        key_file=str(beside / config.key_file) if config.key_file else "",
        installer=installer,
        initial=replace(initial, file=str(beside / initial.file)) if initial else None,
    )
