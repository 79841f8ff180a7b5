"""What `agent.toml` may say."""

from pathlib import Path

import pytest

from wavetrain.agent import config
from wavetrain.agent.config import Haproxy, LabBalancer, NoMove, Slots
from wavetrain.agent.supervised import Listen
from wavetrain.errors import RefusedError

GOOD = """
node = "fra1-n1"
pop = "fra1"
control_plane = "https://127.0.0.1:8700"
ca_file = "authority.pem"
join_file = "join"
key_file = "/etc/wavetrain/key"
folder = "state"
metrics = "http://127.0.0.1:9201/metrics"

[installer]
kind = "slots"
listen = [{ name = "sessions", address = "127.0.0.1:9101" }, { name = "admin", address = "127.0.0.1:9201" }]

[traffic]
kind = "lab"
url = "http://127.0.0.1:9000"

[probe]
kind = "http"
url = "http://127.0.0.1:9201/healthz"

[initial]
number = "1.0.0"
digest = "d"
file = "one.tar.gz"
"""


def read(tmp_path: Path, text: str) -> config.Config:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    return config.read(file)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.folder == str(tmp_path / "state")
    assert found.ca_file == str(tmp_path / "authority.pem")
    assert found.join_file == str(tmp_path / "join")
    assert found.key_file == "/etc/wavetrain/key"
    assert isinstance(found.installer, Slots)
    assert found.installer.sockets == str(tmp_path / "state" / "run")
    assert found.installer.listen[0] == Listen("sessions", "127.0.0.1:9101")
    assert isinstance(found.traffic, LabBalancer)
    assert found.initial is not None
    assert found.initial.file == str(tmp_path / "one.tar.gz")
    assert (found.drain_timeout_s, found.probe_timeout_s) == (10.0, 10.0)


LAB = 'kind = "lab"\nurl = "http://127.0.0.1:9000"'
HAPROXY = 'kind = "haproxy"\nsocket = "/run/haproxy.sock"\nbackend = "edge"'


def test_drivers_are_chosen_by_their_kind(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace(LAB, 'kind = "none"')).traffic == NoMove()
    for place in ("/run/haproxy.sock", "127.0.0.1:9999", "[::1]:9999", "localhost:9999"):
        haproxy = HAPROXY.replace("/run/haproxy.sock", place)
        assert read(tmp_path, GOOD.replace(LAB, haproxy)).traffic == Haproxy(socket=place, backend="edge")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('pop = "fra1"', 'pop = "fra1"\nsurprise = 1', "unknown field `surprise`"),
        ('kind = "slots"', 'kind = "slots"\nsurprise = 1', r"\$\.installer"),
        ('kind = "slots"', 'kind = "docker"', r"\$\.installer\.kind"),
        ('node = "fra1-n1"', "", "node"),
        ('node = "fra1-n1"', 'node = "../n1"', r"\$\.node"),
        ('node = "fra1-n1"', 'node = "fra1-n1\\n"', r"\$\.node"),
        ('node = "fra1-n1"', "node = 5", r"\$\.node"),
        ('pop = "fra1"', 'pop = "fra1"\npoll_wait_s = 31', r"\$\.poll_wait_s"),
        ('pop = "fra1"', 'pop = "fra1"\ndrain_timeout_s = -1', r"\$\.drain_timeout_s"),
        ('pop = "fra1"', "pop = ", "not TOML"),
        ('pop = "fra1"', 'pop = "fra1"\nwatchdog = { every_s = 0.01 }', r"\$\.watchdog\.every_s"),
        ('pop = "fra1"', 'pop = "fra1"\nwatchdog = { restarts_max = 1000 }', r"\$\.watchdog\.restarts_max"),
        (LAB, HAPROXY.replace("/run/haproxy.sock", "10.0.0.1:9999"), r"\$\.traffic\.socket"),
        (LAB, HAPROXY.replace("/run/haproxy.sock", "run/haproxy.sock"), r"\$\.traffic\.socket"),
        (LAB, HAPROXY.replace('"edge"', '"edge; set server"'), r"\$\.traffic\.backend"),
        (LAB, HAPROXY.replace('"edge"', '"edge\\n"'), r"\$\.traffic\.backend"),
        (LAB, HAPROXY + '\nleft = "maybe"', r"\$\.traffic\.left"),
        (LAB, HAPROXY + '\ngoaway_url = "ftp://x"', r"\$\.traffic\.goaway_url"),
        (LAB, HAPROXY + '\ninvite_urls = { "n 2" = "http://x" }', r"\$\.traffic\.invite_urls"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in GOOD
    with pytest.raises(RefusedError, match=says) as refused:
        read(tmp_path, GOOD.replace(old, new))
    assert str(tmp_path / "agent.toml") in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="--config"):
        config.read(tmp_path / "agent.toml")


def test_a_folder_too_long_for_unix_sockets_is_refused_with_the_way_out(tmp_path: Path) -> None:
    from wavetrain.agent.main import installer_for

    found = read(tmp_path, GOOD.replace('folder = "state"', f'folder = "{"x" * 120}"'))
    with pytest.raises(RefusedError, match="set `sockets` in \\[installer\\]"):
        installer_for(found)
