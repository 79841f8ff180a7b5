"""Findings: what did a check of the doctor see?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from wavetrain.agent import config as agent
from wavetrain.wiring import config as control_plane

State = Literal["ok", "warn", "fail", "skip"]
NAMES_SHOWN = 10


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it keeps its rule, and the way out where it does not.

    `skip` is what could not be looked at, because something before it failed: silence is no health.
    """

    check: str
    state: State
    thing: str
    rule: str = ""
    way_out: str = ""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """A control plane, running or not: what its file says, its folder, and what time it is."""

    config: control_plane.Config
    folder: Path
    now: datetime


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """A node's agent: what its file says, and what time it is."""

    config: agent.Config
    now: datetime


def well(check: str, thing: str) -> Finding:
    """It is as it should be."""
    return Finding(check=check, state="ok", thing=thing)


def warned(check: str, thing: str, rule: str, way_out: str) -> Finding:
    """It works, and will not for ever or not for all."""
    return Finding(check=check, state="warn", thing=thing, rule=rule, way_out=way_out)


def failed(check: str, thing: str, rule: str, way_out: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state="fail", thing=thing, rule=rule, way_out=way_out)


def skipped(check: str, because: str) -> Finding:
    """It was not looked at."""
    return Finding(check=check, state="skip", thing="not looked at", rule=because)


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many there are."""
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"
