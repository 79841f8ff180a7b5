"""Wiring: what `wavetrain.toml` may say, and what one start leaves behind."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from wavetrain.errors import RefusedError
from wavetrain.lab.layout import free_port
from wavetrain.wiring.config import load

WITHIN_S = 60.0


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    (folder / "wavetrain.toml").write_text(f'listen = "127.0.0.1:{port}"\n')
    command = [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", str(folder / "wavetrain.toml")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(folder: Path, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """A GET that trusts the control plane's own authority and nobody else."""
    context = ssl.create_default_context(cafile=folder / "var" / "authority.pem")
    with httpx.Client(verify=context, trust_env=False, timeout=WITHIN_S) as client:
        return client.get(url, headers=headers)


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=WITHIN_S)[1]
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("surprise = 1\n", "unknown field `surprise`"),
        ("tick_s = true\n", "tick_s"),
        ("tick_s = 0.0\n", "give 0.05 to 60"),
        ("folder = \n", "not TOML"),
        ('listen = "everywhere"\n', "listen"),
        ('listen = "0.0.0.0:8440"\n', r"give e\.g\. \[tls\] names"),
        ('[tls]\ncertificate = "a.pem"\n', "has certificate alone"),
        ('[tls]\nkey = "a.key"\n', "has key alone"),
        ('[tls]\nnames = ["a b"]\n', r"tls\.names"),
        ("[tls]\noff = true\n", "unknown field `off`"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "wavetrain.toml"
    file.write_text(text)
    with pytest.raises(RefusedError, match=says):
        load(file)
    assert not (tmp_path / "var").exists()


def test_a_missing_configuration_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="write one"):
        load(tmp_path / "wavetrain.toml")


def test_a_first_start_leaves_a_token_and_keys_and_a_second_control_plane_is_refused(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, port)
    try:
        assert first.stdout is not None
        ready = json.loads(first.stdout.readline())
        assert ready == {"ready": f"https://127.0.0.1:{port}", "pid": first.pid}
        secret = tmp_path / "var" / "admin.token"
        assert secret.stat().st_mode & 0o777 == 0o600
        headers = {"Authorization": f"Bearer {secret.read_text().strip()}"}
        answer = ask(tmp_path, f"{ready['ready']}/v1/status", headers)
        assert answer.json()["rollouts"] == []
        assert (tmp_path / "var" / "signing.pub").read_text().strip()
        second = start(tmp_path, port)
        _, said = second.communicate(timeout=WITHIN_S)
        assert second.returncode == 3
        assert "store.sqlite" in said
        assert str(first.pid) in said
        assert ask(tmp_path, f"{ready['ready']}/healthz").is_success
        for name in ("authority.key", "door.key", "signing.key"):
            assert (tmp_path / "var" / name).stat().st_mode & 0o777 == 0o600
    finally:
        end(first)
    assert first.returncode == 0


def test_a_killed_control_plane_leaves_no_lock_and_the_token_stays(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, port)
    assert first.stdout is not None
    first.stdout.readline()
    secret = (tmp_path / "var" / "admin.token").read_text()
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=WITHIN_S)
    again = start(tmp_path, port)
    try:
        assert again.stdout is not None
        assert "ready" in again.stdout.readline()
        assert (tmp_path / "var" / "admin.token").read_text() == secret
    finally:
        end(again)


def test_a_port_in_use_is_said_and_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    port = free_port()
    first = start(tmp_path / "a", port)
    try:
        assert first.stdout is not None
        first.stdout.readline()
        begun = time.monotonic()
        second = start(tmp_path / "b", port)
        _, said = second.communicate(timeout=WITHIN_S)
        assert second.returncode == 3
        assert f"127.0.0.1:{port}" in said
        assert time.monotonic() - begun < WITHIN_S
    finally:
        end(first)
