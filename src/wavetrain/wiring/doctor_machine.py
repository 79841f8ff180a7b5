"""Doctor, machine: can this machine run the program at all?"""

import ctypes
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfo

import wavetrain
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.findings import Finding, failed, listed, skipped, warned, well

PYTHON_MIN = (3, 11)
PINNED = Path(wavetrain.__file__).parents[2] / "requirements" / "run.txt"
"""The versions that the tests ran with; there only in a checkout."""
MODULES = {"python-dateutil": "dateutil"}
"""Where a library's module is not called like its package."""
COMPILED = ("msgspec", "numpy", "cryptography.x509", "sqlalchemy", "httptools", "uvloop")
"""Imported for a try: a build for another machine only shows there."""
ZONES = ("UTC", "Europe/Lisbon", "America/New_York", "Asia/Tokyo")
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this there was no such program: a clock that shows less was never set."""
UNSYNCHRONISED = 5
"""What adjtimex(2) answers while nothing keeps the clock."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)


def python(version: tuple[int, int] = sys.version_info[:2]) -> Iterator[Finding]:
    """New enough."""
    said = ".".join(map(str, version))
    if version >= PYTHON_MIN:
        yield well("python", f"Python {said}")
    else:
        yield failed("python", f"Python {said}", "it is 3.11 or newer", "install it with a newer Python")


def libraries(pinned: Path = PINNED) -> Iterator[Finding]:
    """All there, in the versions that were tested, and made for this machine."""
    own = [item for item in metadata.requires("wavetrain") or () if "extra ==" not in item]
    wanted = [re.split(r"[\s\[;<>=!~]", item)[0] for item in own]
    known = _pinned(pinned.read_text()) if pinned.is_file() else {}
    has: dict[str, str] = {}
    for name in wanted:
        try:
            has[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    missing = [
        name
        for name in wanted
        if name not in has or importlib.util.find_spec(MODULES.get(name, name.replace("-", "_"))) is None
    ]
    way_out = "install again: pip install --require-hashes -r requirements/run.txt"
    if missing:
        yield failed("libraries", listed(missing), "every library that the program needs is there", way_out)
    broken = [said for module in COMPILED if (said := _trouble(module))]
    if broken:
        yield failed("libraries", listed(broken), "every library can be loaded on this machine", way_out)
    other = [
        f"{name} {version}, not {' or '.join(known[name])}"
        for name, version in has.items()
        if version not in known.get(name, [version])
    ]
    if other:
        yield warned("libraries", listed(other), "the versions are those that the tests ran with", way_out)
    if not missing and not broken and not other:
        yield well("libraries", f"{len(has)} libraries{', as pinned' if known else ''}")


def zones(load: Callable[[str], object] = ZoneInfo) -> Iterator[Finding]:
    """There is a time zone database."""
    for name in ZONES:
        try:
            load(name)
        except Exception:
            yield failed(
                "zones",
                name,
                "the time zones of IANA are known here",
                "install tzdata, by pip or by the system",
            )
            return
    yield well("zones", "the time zone database")


def clock(
    now: Callable[[], datetime] = utc_now, asked: Callable[[], int | None] | None = None
) -> Iterator[Finding]:
    """Set, and kept by something: windows are times of day, and certificates end."""
    at = now()
    keep = "let chrony or systemd-timesyncd keep it"
    if at < EARLIEST:
        yield failed(
            "clock",
            f"the clock shows {at:%Y-%m-%d %H:%M} UTC",
            "it was set after this program was made",
            keep,
        )
        return
    state = (asked or kernel_state)()
    if state is None:
        yield skipped("clock", "the kernel does not say whether something keeps its clock")
    elif state == UNSYNCHRONISED:
        yield warned("clock", f"the clock shows {at:%Y-%m-%d %H:%M} UTC", "something keeps it right", keep)
    else:
        yield well("clock", f"{at:%Y-%m-%d %H:%M} UTC, kept")


def kernel_state() -> int | None:
    """What adjtimex(2) answers; None where it cannot be asked."""
    try:
        nothing_to_set = ctypes.create_string_buffer(512)  # larger than `struct timex` anywhere; modes = 0
        answer = int(ctypes.CDLL(None, use_errno=True).adjtimex(nothing_to_set))
    except (AttributeError, OSError):
        return None
    return answer if answer >= 0 else None


def _pinned(text: str) -> dict[str, list[str]]:
    """By library: the version that was tested, or one for each range of Pythons."""
    known: dict[str, list[str]] = {}
    for name, version in _PIN.findall(text):
        known.setdefault(name, []).append(version)
    return known


def _trouble(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception as error:
        return f"{module} ({error})"
    return ""
