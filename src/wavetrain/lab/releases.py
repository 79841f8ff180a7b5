"""Releases: which artifacts does the lab build, and what is in them?

An artifact is a tar.gz with the same bytes for the same content: the gateway's modules, an executable `start`
and `release.json`.
"""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import msgspec

PACKAGE = Path(__file__).resolve().parent.parent
COMPONENT = "gateway"

CARRIED = (
    "lab/admin_door.py",
    "lab/lifeline.py",
    "lab/tls_lines.py",
    "lab/gateway/__init__.py",
    "lab/gateway/__main__.py",
    "lab/gateway/figures.py",
    "lab/gateway/program.py",
    "lab/gateway/sessions.py",
    "lab/gateway/switches.py",
    "lab/gateway/visits.py",
)

START = """\
#!/bin/sh
# Starts the gateway of this release; the supervisor has set its sockets and its environment.
cd -P "$(dirname "$0")" || exit 1
export PYTHONPATH="$PWD/program"
exec "${WAVETRAIN_PYTHON:-python3}" -B -s -m wavetrain.lab.gateway
"""

GOOD: dict[str, Any] = {}
DEGRADED: dict[str, Any] = {"operations_failed_ratio": 0.01}
NEVER_HEALTHY: dict[str, Any] = {"never_healthy": True}
CRASHING: dict[str, Any] = {"crash_after_s": 2.0}


class Artifact(msgspec.Struct, frozen=True):
    """The bytes of a release, and how to recognise them."""

    component: str
    version: str
    path: Path
    sha256: str
    size: int


def build(folder: Path, version: str, faults: dict[str, Any] = GOOD, component: str = COMPONENT) -> Artifact:
    """Write the artifact of a version with its faults on purpose into `folder`; the same input, the same bytes."""
    description = {"component": component, "version": version, "faults": faults}
    files = {
        "release.json": json.dumps(description, indent=1, sort_keys=True).encode() + b"\n",
        "start": START.encode(),
        "program/wavetrain/__init__.py": b"",
        "program/wavetrain/lab/__init__.py": b"",
        **{f"program/wavetrain/{name}": (PACKAGE / name).read_bytes() for name in CARRIED},
    }
    content = _packed(files)
    path = folder / f"{component}-{version}.tar.gz"
    path.write_bytes(content)
    return Artifact(component, version, path, hashlib.sha256(content).hexdigest(), len(content))


def unpack(artifact: Artifact, folder: Path) -> Path:
    """Unpack an artifact that this lab built into `folder`, where no installer does it; the folder."""
    with tarfile.open(artifact.path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            path.chmod(member.mode)
    return folder


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name == "start" else 0o644
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
