"""Lab stay: how is a lab kept up and shown until somebody ends it?"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from wavetrain.adapters.file_lock import FileLock
from wavetrain.cli.desk import end_when_told
from wavetrain.cli.lab_house import LabHouse, Setting
from wavetrain.cli.lab_picture import Seen, picture
from wavetrain.errors import LockedError, UnreachableError, WavetrainError
from wavetrain.lab import open_lab
from wavetrain.lab.layout import POLICY
from wavetrain.lab.open_lab import OpenLab
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wiring.clock import utc_now

LOOK_EVERY_S = 0.5
PILOT = 'pops = ["lis1"]'
"""In the lab's own policy: who pilots."""


def own_policy(fleet: str, name: str) -> str:
    """The lab's own policy, with the first PoP of the fleet as its pilot. Raises `RefusedError` for a bad fleet."""
    pops = read_fleet(fleet, utc_now(), name).pops
    return POLICY.read_text().replace(PILOT, f'pops = ["{next(iter(pops))}"]')


def stay(setting: Setting, folder: Path | None, as_json: bool) -> None:
    """Open a lab, say where everything is, and show it until SIGINT or SIGTERM."""
    end_when_told()
    console = Console(highlight=False)
    with ExitStack() as stack:
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="wavetrain-lab-"))
        place = (folder or Path(made)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_owned(place))
        with _progress(console, as_json) as progress:
            house = stack.enter_context(LabHouse(place, setting, progress))
        opened = OpenLab(
            folder=str(place),
            url=house.url,
            token_file=str(house.admin_token),
            ca_file=str(house.authority),
            pops=house.lab.pops,
            balancer=house.lab.balancers.kind,
            source=house.source,
            source_url=house.prometheus.url if house.prometheus is not None else "",
        )
        open_lab.write(opened)
        with suppress(KeyboardInterrupt):
            if as_json:
                sys.stdout.write(open_lab.to_json(opened).decode() + "\n")
                sys.stdout.flush()
            else:
                console.print(_hint(opened), soft_wrap=True)
            _watch(house, None if as_json else console)


def is_running(folder: Path) -> bool:
    """Whether a process keeps the lab of this folder up."""
    try:
        with _owned(folder):
            return False
    except LockedError:
        return True


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / "lab", "wavetrain lab")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _progress(console: Console, as_json: bool) -> Iterator[Any]:
    """Shows how far the start is, where there is a terminal."""
    if as_json or not console.is_terminal:
        yield None
        return
    with console.status("starting the control plane") as status:
        yield lambda what, there, wanted: status.update(f"starting: {there} of {wanted} {what}")


def _hint(opened: OpenLab) -> Text:
    """Where everything is, and what can be done with it from another terminal."""
    node = opened.nodes[0].name
    return Text(
        f"""\
The lab runs in {opened.folder} until Ctrl-C; its control plane is at {opened.url}. From another terminal:

  export WAVETRAIN_URL={opened.url} WAVETRAIN_CA={opened.ca_file}
  export WAVETRAIN_TOKEN=$(cat {opened.token_file})
  wavetrain fleet show
  wavetrain lab release 2.0.0 --folder {opened.folder}
  wavetrain rollout watch
  wavetrain lab fault kill {node} --folder {opened.folder}

Balancers ({opened.balancer}): {", ".join(f"{pop.size.id} {pop.vip[0]}:{pop.vip[1]}" for pop in opened.pops)}
Measured by: {" at ".join(filter(None, (opened.source, opened.source_url)))}
"""
    )


def _watch(house: LabHouse, console: Console | None) -> None:
    """Until interrupted; a live table where there is a terminal."""
    if console is None or not console.is_terminal:
        while True:
            time.sleep(LOOK_EVERY_S)
    with Live(Text(), console=console, auto_refresh=False) as live:
        while True:
            live.update(picture(look(house)), refresh=True)
            time.sleep(LOOK_EVERY_S)


def look(house: LabHouse) -> Seen:
    """Ask everybody once. Who does not answer is not shown; a lab is there to be broken."""
    servers, cut = {}, 0
    for pop in house.lab.pops:
        try:
            servers[pop.size.id] = house.lab.servers(pop.size.id)
            cut += house.lab.felt_in(pop.size.id).cooperative.cut
        except UnreachableError:
            continue
    try:
        desk = house.desk["viewer"]
        return Seen(servers, desk.get("/v1/fleet")["reported"], desk.get("/v1/status"), cut)
    except WavetrainError:
        return Seen(servers, {}, {}, cut)
