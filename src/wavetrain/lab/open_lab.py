"""Open lab: where is a lab that another process keeps up?"""

from pathlib import Path
from typing import Any

import msgspec

from wavetrain.errors import UnreachableError
from wavetrain.lab.layout import NodePlace, PopPlace

NAME = "lab.json"


class OpenLab(msgspec.Struct, frozen=True, kw_only=True):
    """What others need to know of a lab that runs."""

    folder: str
    url: str
    """Of its control plane."""
    token_file: str
    """The admin's token at that control plane."""
    ca_file: str
    """What that control plane is believed by."""
    pops: tuple[PopPlace, ...]
    balancer: str = "builtin"
    """Which kind stands before the nodes."""
    source: str = "scrape"
    """Who measures the nodes."""
    source_url: str = ""
    """Where Prometheus answers, if that is who."""

    @property
    def nodes(self) -> tuple[NodePlace, ...]:
        """Every node of every PoP."""
        return tuple(node for pop in self.pops for node in pop.nodes)


def to_json(opened: OpenLab) -> bytes:
    """As it is written for other programs."""
    return msgspec.json.format(msgspec.json.encode(opened, enc_hook=str), indent=2)


def write(opened: OpenLab) -> None:
    """Leave it in the lab's folder."""
    (Path(opened.folder) / NAME).write_bytes(to_json(opened))


def read(folder: Path) -> OpenLab:
    """The lab that was opened in a folder. Raises `UnreachableError` where there was none."""
    file = folder / NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=OpenLab, dec_hook=_path)
    except (OSError, ValueError, RecursionError):  # ValueError: also of msgspec, and broken UTF-8
        raise UnreachableError(
            f"no lab was opened in {folder}; start one: wavetrain lab --folder {folder}"
        ) from None


def _path(kind: type, value: Any) -> Any:
    return kind(value)
