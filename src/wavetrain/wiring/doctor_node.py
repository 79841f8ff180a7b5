"""Doctor, node: can this node's agent do its work?"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec

from wavetrain.agent.config import CommandInstall, CommandLook, CommandMove
from wavetrain.agent.identity import AUTHORITY, NODE
from wavetrain.agent.main import traffic_for
from wavetrain.agent.traffic_haproxy import HaproxyTraffic
from wavetrain.errors import WavetrainError
from wavetrain.wiring import doctor_folder
from wavetrain.wiring.doctor_door import asked
from wavetrain.wiring.findings import Finding, Station, failed, listed, skipped, warned, well

CERTIFICATE_LEFT = timedelta(hours=5)
"""A node's certificate lives 24 h, and is renewed when 8 to 6 h of them are left."""
CLOCK_OFF_S = 2.0


def folder(of: Station) -> Iterator[Finding]:
    """There, ours, and nobody else's."""
    if not Path(of.config.folder).exists():
        yield warned(
            "agent folder",
            f"{of.config.folder} is not there",
            "the first start makes it",
            "run: wavetrain agent",
        )
        return
    yield from doctor_folder.private_folder("agent folder", Path(of.config.folder))


def keys(of: Station) -> Iterator[Finding]:
    """The files that the configuration names are there; secrets are private."""
    named = {"ca_file": of.config.ca_file, "key_file": of.config.key_file}
    missing = [f"{name} = {file}" for name, file in named.items() if file and not Path(file).is_file()]
    if missing:
        yield failed(
            "agent keys",
            listed(missing),
            "the files that prove who the control plane is are there",
            "copy them from the control plane's folder: authority.pem, and signing.pub where key_file is given",
        )
    files = [Path(of.config.join_file), Path(of.config.folder) / NODE]
    yield from doctor_folder.private_files("agent keys", [file for file in files if file.is_file()])


def certificate(of: Station) -> Iterator[Finding]:
    """The node has one, and it is good for a while; or it has what it joins with."""
    file = Path(of.config.folder) / NODE
    again = (
        f"on the control plane run: wavetrain node join {of.config.node}; write what it says into join_file"
    )
    if file.is_file():
        yield doctor_folder.certificate("agent certificate", file, CERTIFICATE_LEFT, of.now, again)
    elif Path(of.config.join_file).is_file():
        yield skipped("agent certificate", "the node has not joined yet; it has a join secret")
    else:
        yield failed(
            "agent certificate",
            f"{file} is not there, and neither is a join secret",
            "a node has joined, or has what it joins with",
            again,
        )


def programs(of: Station) -> Iterator[Finding]:
    """The operator's own programs are there, and may be run."""
    named: set[str] = set()
    for driver in (of.config.installer, of.config.traffic, of.config.probe):
        if isinstance(driver, CommandInstall | CommandMove | CommandLook):
            fields = msgspec.structs.asdict(driver).values()
            named |= {str(argv[0]) for argv in fields if isinstance(argv, tuple) and argv}
    missing = sorted(name for name in named if shutil.which(name) is None)
    if missing:
        yield failed(
            "agent programs",
            listed(missing),
            "every program that agent.toml names can be run",
            "install it, or chmod +x",
        )
    else:
        yield well("agent programs", f"{len(named)} programs of the operator" if named else "none are named")


def traffic(of: Station) -> Iterator[Finding]:
    """What moves the node's work answers, and lets this user move it."""
    driver = traffic_for(of.config)
    if not isinstance(driver, HaproxyTraffic):
        yield skipped("agent traffic", "its driver has nothing to look at")
        return
    try:
        driver.check()
    except WavetrainError as error:
        text, _, way_out = str(error).partition("; ")
        usual = "see that HAProxy runs, with `stats socket PATH level admin`, and that this user may write to PATH"
        yield failed(
            "agent traffic", f"HAProxy: {text}", "it can be asked, and has the server", way_out or usual
        )
        return
    yield well("agent traffic", "HAProxy answers, and has the server")


def control_plane(of: Station) -> Iterator[Finding]:
    """It answers, is the one that was meant, and agrees on the time."""
    url = of.config.control_plane.rstrip("/")
    learned = Path(of.config.folder) / AUTHORITY
    try:
        answer = asked(f"{url}/healthz", Path(of.config.ca_file), *([learned] if learned.is_file() else []))
        answer.raise_for_status()
    except (httpx.HTTPError, OSError, ValueError) as error:
        yield failed(
            "agent control plane",
            f"{url}: {error or type(error).__name__}",
            "it answers, and its certificate is of the authority in ca_file",
            "see that it runs, that no firewall is between, and that ca_file is its authority.pem",
        )
        return
    off_s = _clock_off_s(answer, of.now)
    if abs(off_s) > CLOCK_OFF_S + 1.0:  # the header has whole seconds
        yield warned(
            "agent control plane",
            f"this node's clock is {off_s:+.0f} s off the control plane's",
            f"they agree within {CLOCK_OFF_S:g} s",
            "let NTP keep both",
        )
    else:
        yield well("agent control plane", f"{url} answers")


def _clock_off_s(answer: httpx.Response, now: datetime) -> float:
    """How far this machine is ahead, by the answer's own date; 0 where it has none."""
    try:
        return (now - parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)).total_seconds()
    except (KeyError, ValueError):
        return 0.0
