"""Rehearsed: can this release do its work on the store of the one that runs, as far as that can be seen beside it?"""

from pathlib import Path

from wavetrain.adapters import store_check
from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.adapters.store_migrate import expand
from wavetrain.errors import RefusedError
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.config import Config, store_place
from wavetrain.wiring.control_plane import tls_of
from wavetrain.wiring.log import Log

FAULTS_SHOWN = 3


def rehearse(config: Config, folder: Path, log: Log) -> None:
    """Make room in the store for what this release adds to it, read all that is in it, and load every key.

    The control plane that runs is not disturbed. Raises what this release would fail by: `RefusedError` for a record
    that it cannot read or a migration that would disturb, `UnreachableError` for a key or a certificate.
    """
    place = store_place(config, folder)
    if not _is_there(place):
        return
    done = expand(place)
    if done.before != done.after:
        log.say("store expanded", before=done.before, after=done.after)
    faults = store_check.check(place).faults
    if faults:
        raise RefusedError(
            f"this release cannot read what the store holds: {'; '.join(faults[:FAULTS_SHOWN])}; the one that runs "
            "goes on: see wavetrain store check"
        )
    SigningKey(folder / "signing.key")
    tls_of(config, folder, OwnAuthority(folder, utc_now()), log)


def _is_there(place: Path | str) -> bool:
    return not isinstance(place, Path) or place.exists()
