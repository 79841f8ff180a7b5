import ast
import hashlib
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from wavetrain.lab.releases import CARRIED, DEGRADED, PACKAGE, build, unpack

CARRIED_MODULES = {"wavetrain." + name.removesuffix(".py").replace("/", ".") for name in CARRIED}


def test_the_same_release_has_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = build(tmp_path / "a", "2.1.0", DEGRADED)
    second = build(tmp_path / "b", "2.1.0", DEGRADED)
    content = first.path.read_bytes()
    assert content == second.path.read_bytes()
    assert first.sha256 == hashlib.sha256(content).hexdigest()
    assert first.size == len(content)
    assert build(tmp_path / "a", "2.1.1").sha256 != first.sha256


def test_an_artifact_holds_a_description_and_an_executable_start(tmp_path: Path) -> None:
    artifact = build(tmp_path, "2.1.0", DEGRADED)
    with tarfile.open(artifact.path) as archive:
        assert all(member.isfile() and not member.name.startswith(("/", ".")) for member in archive)
    folder = unpack(artifact, tmp_path / "unpacked")
    assert json.loads((folder / "release.json").read_text()) == {
        "component": "gateway",
        "version": "2.1.0",
        "faults": {"operations_failed_ratio": 0.01},
    }
    assert os.access(folder / "start", os.X_OK)


@pytest.mark.parametrize("name", CARRIED)
def test_what_an_artifact_carries_imports_the_standard_library_and_itself_alone(name: str) -> None:
    for node in ast.walk(ast.parse((PACKAGE / name).read_text())):
        match node:
            case ast.Import(names=names):
                imported = {alias.name for alias in names}
            case ast.ImportFrom(module=str(module)):
                imported = {module}
            case _:
                continue
        for module in imported:
            assert module in CARRIED_MODULES or module.split(".")[0] in sys.stdlib_module_names | {"uvloop"}
