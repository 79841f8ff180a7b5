"""Checks: can this process do its work now?

Each answers with whether it is well and a sentence that names no path, no node and no rollout: it is shown to whoever
asks. What else there is to say goes to the log.
"""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from wavetrain.control.ports import Store
from wavetrain.control.vitals import Vitals
from wavetrain.doors.health import Checked

TICK_AGE_S_MIN = 5.0
TICK_AGES = 10
"""The last tick ended less than so many pauses ago, and never has to be younger than `TICK_AGE_S_MIN` seconds."""
CERTIFICATE_LEFT = timedelta(days=1)
MEGABYTE = 1024 * 1024


def store(of: Store) -> Callable[[], Checked]:
    """It opens a view; how long it may take is the asker's business."""

    def check() -> Checked:
        began = time.monotonic()
        with of.read():
            pass
        return True, f"answered in {(time.monotonic() - began) * 1000:.1f} ms"

    return check


def tick(vitals: Vitals, tick_s: float, running: Callable[[], float]) -> Callable[[], Checked]:
    """The last tick ended well, and not long ago."""
    limit_s = max(TICK_AGE_S_MIN, TICK_AGES * tick_s)

    def check() -> Checked:
        pulse = vitals.pulse
        if pulse.ended_at is None:
            return False, "the first tick has not ended"
        age_s = max(0.0, running() - pulse.ended_at)
        if pulse.error:
            return False, "the last tick ended with an error; the log has it"
        if age_s > limit_s:
            return False, f"the last tick ended {age_s:.1f} s ago; the limit is {limit_s:g} s"
        return True, f"the last tick ended {age_s:.1f} s ago"

    return check


def lease(held: Callable[[], bool] | None) -> Callable[[], Checked]:
    """This process may write; without `held` it has the store's file for itself."""

    def check() -> Checked:
        if held is None:
            return True, "the store's file is this process's own"
        return (
            (True, "held") if held() else (False, "not renewed in time; another control plane may take over")
        )

    return check


def disk(folder: Path, free_mb: int) -> Callable[[], Checked]:
    """There is room for the store and for artifacts."""

    def check() -> Checked:
        free = shutil.disk_usage(folder).free // MEGABYTE
        return free >= free_mb, f"{free} MB are free; the limit is {free_mb} MB"

    return check


def certificate(file: Path, now: Callable[[], datetime]) -> Callable[[], Checked]:
    """The door's certificate is good for a while yet."""

    def check() -> Checked:
        opens, ends = span_of(file)
        left = ends - now()
        if opens > now():
            return False, f"it is not valid before {opens:%Y-%m-%d %H:%M} UTC"
        if left <= timedelta(0):
            return False, f"it ended on {ends:%Y-%m-%d %H:%M} UTC"
        text = f"it ends on {ends:%Y-%m-%d %H:%M} UTC"
        return left > CERTIFICATE_LEFT, text

    return check


def span_of(file: Path) -> tuple[datetime, datetime]:
    """From when until when the first certificate of a PEM file is valid. `OSError`, `ValueError`."""
    found = x509.load_pem_x509_certificate(file.read_bytes())
    return found.not_valid_before_utc.astimezone(UTC), found.not_valid_after_utc.astimezone(UTC)
