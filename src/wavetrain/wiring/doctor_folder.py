"""Doctor, folder: are the control plane's files there, private, and good for a while?"""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from wavetrain.wiring.checks import MEGABYTE, span_of
from wavetrain.wiring.config import door_certificate
from wavetrain.wiring.findings import Finding, Installation, failed, listed, skipped, warned, well

SECRETS = ("signing.key", "authority.key", "door.key", "admin.token")
OTHERS_MAY = 0o077
DOOR_LEFT, AUTHORITY_LEFT = timedelta(days=1), timedelta(days=30)
"""With less than this left of a certificate, somebody should look."""


def folder(of: Installation) -> Iterator[Finding]:
    """There, ours, and nobody else's."""
    if not of.folder.exists():
        yield warned("folder", f"{of.folder} is not there", "the first start makes it", "run: wavetrain up")
        return
    yield from private_folder("folder", of.folder)


def private_folder(check: str, folder: Path) -> Iterator[Finding]:
    """A folder that this user may write, and that others may not even read."""
    if not folder.is_dir():
        yield failed(check, str(folder), "it is a folder", "name another one, or move away what is there")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield failed(
            check,
            str(folder),
            "this user may read and write it",
            f"run as its owner, or: chown -R USER {folder}",
        )
        return
    mode = folder.stat().st_mode & 0o777
    if mode & OTHERS_MAY:
        yield warned(
            check, f"{folder} has mode {mode:04o}", "only its owner may look into it", f"chmod 700 {folder}"
        )
    else:
        yield well(check, f"{folder}, mode {mode:04o}")


def keys(of: Installation) -> Iterator[Finding]:
    """Every secret is readable by its owner alone, and by us."""
    given = [of.config.tls.key] if of.config.tls.key else []
    here = [of.folder / name for name in (*SECRETS, *given) if (of.folder / name).exists()]
    if not (of.folder / "signing.key").exists() and (of.folder / "store.sqlite").exists():
        yield failed(
            "keys",
            f"{of.folder / 'signing.key'} is not there",
            "a control plane that was started has the key that nodes know",
            "put it back from the backup; with a new one every node needs the new signing.pub",
        )
    if not here:
        yield skipped("keys", "there are none yet; the first start makes them")
        return
    yield from private_files("keys", here)


def private_files(check: str, files: list[Path]) -> Iterator[Finding]:
    """Files that this user may read, and nobody else."""
    unreadable = [str(file) for file in files if not os.access(file, os.R_OK)]
    if unreadable:
        yield failed(check, listed(unreadable), "this user may read it", "run as its owner, or chown it")
    open_to_others = [str(file) for file in files if file.stat().st_mode & OTHERS_MAY]
    if open_to_others:
        named = " ".join(open_to_others)
        yield failed(check, listed(open_to_others), "only its owner may read a secret", f"chmod 600 {named}")
    if not unreadable and not open_to_others:
        yield well(check, f"{len(files)} secret files, private")


def disk(of: Installation) -> Iterator[Finding]:
    """Room for the store and for artifacts."""
    place = next(path for path in (of.folder, *of.folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free // MEGABYTE
    if free < of.config.disk_free_mb:
        yield failed(
            "disk",
            f"{free} MB are free for {of.folder}",
            f"at least {of.config.disk_free_mb} MB are (disk_free_mb)",
            "free some space; withdrawn releases' artifacts are the first to go",
        )
    elif free < 4 * of.config.disk_free_mb:
        yield warned(
            "disk",
            f"{free} MB are free for {of.folder}",
            f"there is some distance to disk_free_mb = {of.config.disk_free_mb}",
            "free some space before it is needed",
        )
    else:
        yield well("disk", f"{free} MB are free for {of.folder}")


def certificates(of: Installation) -> Iterator[Finding]:
    """Valid today, and for a while."""
    door = door_certificate(of.config, of.folder)
    again = "put a new one into the file: the control plane shows it within the hour"
    if not of.config.tls.certificate:
        again = "restart the control plane: it makes a new one"
    elif not door.is_file():
        yield failed(
            "certificates", f"{door} is not there", "the file of [tls] certificate is", "put it there"
        )
    anew = "move it and authority.key away, restart the control plane, and let every node join anew"
    wanted = ((door, DOOR_LEFT, again), (of.folder / "authority.pem", AUTHORITY_LEFT, anew))
    found = [item for item in wanted if item[0].exists()]
    if not found and not of.config.tls.certificate:
        yield skipped("certificates", "there are none yet; the first start makes them")
    for file, left, way_out in found:
        yield certificate("certificates", file, left, of.now, way_out)


def certificate(check: str, file: Path, left: timedelta, now: datetime, way_out: str) -> Finding:
    """One certificate's span."""
    try:
        begins, ends = span_of(file)
    except ValueError as error:
        return failed(check, str(file), f"it is a certificate in PEM ({error})", way_out)
    said = f"{file}, until {ends:%Y-%m-%d %H:%M} UTC"
    if begins > now:
        return failed(
            check, f"{file}, from {begins:%Y-%m-%d %H:%M} UTC", "it is valid now", "set the clock right"
        )
    if ends <= now:
        return failed(check, said, "it is valid now", way_out)
    if ends - now < left:
        return warned(check, said, f"it has more than {left.total_seconds() / 3600:g} h left", way_out)
    return well(check, said)
