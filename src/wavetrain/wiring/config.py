"""Config: what does `wavetrain.toml` say?"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import msgspec

from wavetrain.errors import RefusedError

TICK_S_MIN, TICK_S_MAX = 0.05, 60.0


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wavetrain.toml`. Paths are relative to the file's own folder."""

    folder: str = "var"
    """Where the store, the artifacts and the keys are kept."""
    listen: str = "127.0.0.1:8440"
    tick_s: float = 1.0
    """The longest pause between two ticks; a report or a request starts one at once."""
    jump: bool = False
    """Whether train time jumps when everything waits for it; for demonstrations only."""
    nice: int = 0


def load(file: Path) -> tuple[Config, Path]:
    """The configuration, and the folder it keeps its things in. Raises `RefusedError` with the place and the rule."""
    try:
        config = msgspec.toml.decode(file.read_bytes(), type=Config)
    except FileNotFoundError:
        raise RefusedError(f'{file} does not exist; write one, e.g.: folder = "var"') from None
    except msgspec.ValidationError as error:
        raise RefusedError(f"{file}: {error}; see docs/configuration.md") from None
    except msgspec.DecodeError as error:
        raise RefusedError(f"{file} is not TOML: {error}") from None
    if not TICK_S_MIN <= config.tick_s <= TICK_S_MAX:
        raise RefusedError(f"{file}: tick_s = {config.tick_s}; give {TICK_S_MIN} to {TICK_S_MAX:g} seconds")
    host, port = place_of(config.listen, file)
    if not host.is_loopback:
        raise RefusedError(
            f"{file}: listen = {host}:{port} is not loopback, and the doors do not speak TLS yet; "
            f"listen on 127.0.0.1:{port} behind a proxy that does"
        )
    folder = file.parent / config.folder
    folder.mkdir(parents=True, exist_ok=True)
    return config, folder


def place_of(listen: str, file: Path) -> tuple[IPv4Address | IPv6Address, int]:
    """Host and port of `listen`. Raises `RefusedError`."""
    host, _, port = listen.rpartition(":")
    try:
        return ip_address(host.strip("[]")), int(port)
    except ValueError:
        raise RefusedError(
            f'{file}: listen = "{listen}" is not ADDRESS:PORT; give e.g. "127.0.0.1:8440"'
        ) from None
