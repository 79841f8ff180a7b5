"""Demo: releases travel through real PoPs, and features over accounts; the bad release comes back by itself."""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from wavetrain.cli.client import Client
from wavetrain.cli.demo_costs import costs
from wavetrain.cli.demo_features import Features, Program
from wavetrain.cli.demo_receipt import Chapter, TakenBack, ended_well, receipt, show
from wavetrain.cli.demo_screen import Screen
from wavetrain.cli.demo_urls import Urls
from wavetrain.cli.demo_verdict import found
from wavetrain.cli.lab_house import LabHouse, Setting
from wavetrain.errors import UnreachableError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.layout import FLEET, POLICY, ROAM_EVERY_S
from wavetrain.lab.releases import DEGRADED, GOOD
from wavetrain.lab.source_choice import Measured
from wavetrain.simulate.live import LiveGuards

SITES, USERS, STUBBORN = 300, 60, 10
LOOK_EVERY_S = 0.25
CHAPTER_S_MAX = 180.0
SETTLE_S = 1.0
"""After a rollout is over: time for the last sessions that were invited back to arrive."""

SHOWN = frozenset(
    {
        "rollout",
        "wave",
        "turn",
        "admit",
        "revert",
        "verdict",
        "tombstone",
        "clock",
        "hold",
        "quarantine",
        "feature",
    }
)
"""The kinds of journal lines that tell the story; the nodes' own reports are left to `wavetrain journal`."""

Scene = tuple[str, str, dict[str, Any], str]
"""A release of the story: its number, its title, its faults on purpose, the number that it fixes."""

STORY: tuple[Scene, ...] = (
    ("2.0.0", "2.0.0 is good: pilot ring first, the other PoPs in their own windows", GOOD, ""),
    (
        "2.1.0",
        "2.1.0 is bad: it fails 1 % of session operations, and passes its start-up probe",
        DEGRADED,
        "",
    ),
    ("2.1.1", "2.1.1 is its fix: it takes a later window", GOOD, "2.1.0"),
    ("2.2.0", "2.2.0 is taken back by a person: its feature goes off with it", GOOD, ""),
)
TAKEN_BACK = "2.2.0"
ANNOUNCED = (
    "Features are announced: each comes to an account in its turn, once all nodes that it uses have it"
)


def demo_setting(balancer: Choice = Choice.AUTO, source: Measured = Measured.AUTO) -> Setting:
    """The lab's own fleet and policy, with its live sessions shared out among the PoPs."""
    return Setting(
        fleet=FLEET.read_text(),
        policy=POLICY.read_text(),
        sites=SITES,
        users=USERS,
        stubborn=STUBBORN,
        roam_every_s=ROAM_EVERY_S,
        balancer=balancer,
        source=source,
        prefix="demo-",
        customers=True,
    )


class Teller:
    """Announces the features, submits each release, and follows it to its end."""

    def __init__(
        self,
        house: LabHouse,
        screen: Screen,
        violations: Callable[[], int],
        features: Features,
        urls: Urls,
    ) -> None:
        self._house, self._urls = house, urls
        self._features = features
        self._screen = screen
        self._look = violations
        tail = house.desk["viewer"].get("/v1/journal", limit=1)["entries"]
        self._told = tail[-1]["seq"] if tail else 0

    def announce(self) -> None:
        """Before the first chapter: which features there will be."""
        self._screen.chapter(ANNOUNCED)
        self._features.announce()
        self._urls.look()
        self._tell_news()

    def tell(self, number: str, title: str, faults: dict[str, Any], fixes: str, previous: str) -> Chapter:
        """One chapter: what the rollout became, and what the sessions felt of it."""
        self._screen.chapter(title)
        self._house.lab.reset_figures()
        rollout = self._follow(self._house.submit(number, faults, fixes, title))
        if rollout["status"] == "reverted":
            for bar in self._features.bars():
                if bar.on:
                    text = f"stays on for {bar.on} of {bar.accounts} accounts: it needs {bar.needs}"
                    self._screen.say(rollout["over_at"], text, bar.key)
        time.sleep(SETTLE_S)
        exposed = self._exposed(rollout["id"])
        return Chapter(rollout, self._house.lab.felt(), exposed, self._running(previous))

    def _follow(self, rollout_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + CHAPTER_S_MAX
        desk = self._house.desk["viewer"]
        while time.monotonic() < deadline:
            asked_at = time.time()
            status = desk.get("/v1/status")
            self._features.heard(asked_at, status["now"])
            self._tell_news()
            for bar in self._features.news():
                self._screen.say(status["now"], f"on for {bar.on} of {bar.accounts} accounts", bar.key)
            found = [item for item in status["rollouts"] if item["id"] == rollout_id]
            if found:
                sessions = sum(self._house.lab.felt().nodes.values())
                self._screen.show(status, found[0], sessions, self._features.bars())
                if found[0]["is_over"]:
                    return dict(found[0])
                self._features.steer(found[0], takes_back=found[0]["number"] == TAKEN_BACK)
            self._look()
            self._urls.look()
            self._features.wait(LOOK_EVERY_S)
        raise UnreachableError(
            f"rollout {rollout_id} was not over after {CHAPTER_S_MAX:g} s; see the logs in {self._house.folder}"
        )

    def _tell_news(self) -> None:
        """What the journal says since this was called last."""
        desk = self._house.desk["viewer"]
        for entry in desk.get("/v1/journal", after=self._told, limit=200)["entries"]:
            self._told = entry["seq"]
            if entry["kind"] in SHOWN:
                self._screen.say(entry["at"], entry["text"], entry["subject"])

    def _exposed(self, rollout_id: str) -> tuple[tuple[str, str], ...]:
        entries = self._house.desk["viewer"].get("/v1/journal", rollout=rollout_id, kind="admit", limit=1000)[
            "entries"
        ]
        nodes = sorted({entry["subject"] for entry in entries})
        return tuple((self._house.lab.nodes[node].pop, node) for node in nodes)

    def _running(self, number: str) -> int:
        """How many gateways say of themselves that they are this release."""
        answers = [ask(node.admin_at, "GET", "/healthz") for node in self._house.lab.nodes.values()]
        return sum(answer["version"] == number for answer in answers)


def run(
    exit_after: bool,
    json_file: Path | None,
    folder: Path | None,
    console: Console,
    setting: Setting | None = None,
    story: Sequence[Scene] = STORY,
) -> bool:
    """Play the whole story; whether all releases and features ended as they should."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wavetrain-") as made, Screen(console) as screen:
        place = (folder or Path(made)).absolute()
        console.print(f"[dim]everything is kept in {place}[/]", highlight=False)
        with LabHouse(place, setting or demo_setting(), screen.waiting) as house:
            figures = _play(house, screen, begun, story, json_file, lambda: _shelf(folder, json_file))
            screen.end()
            show(figures, console)
            if json_file is not None:
                json_file.write_text(json.dumps(figures, indent=2) + "\n")
            if not exit_after:
                _stay(house, console)
    return ended_well(figures)


def _shelf(folder: Path | None, json_file: Path | None) -> Path:
    """Where the verdict's page and picture go: with what else is kept, or to a folder that outlives this program."""
    if folder is not None:
        return folder.absolute()
    if json_file is not None:
        return json_file.absolute().parent
    return Path(tempfile.mkdtemp(prefix="wavetrain-verdict-"))


def _play(
    house: LabHouse,
    screen: Screen,
    begun: float,
    story: Sequence[Scene],
    json_file: Path | None,
    shelf: Callable[[], Path],
) -> dict[str, Any]:
    guards = LiveGuards(house.folder / "control" / "store.sqlite")
    token = house.secret("features", "evaluator")
    chapters: list[Chapter] = []
    previous = house.baseline.version
    try:
        feed = house.secret("calendar", "calendar", house.lab.accounts[0])
        with (
            Program(house.url, token, house.authority, house.lab.accounts) as program,
            Client(house.url, "", house.authority) as anybody,
        ):
            urls = Urls(anybody, house.url, feed, json_file, screen.note, house.admin_token)
            features = Features(house.desk["operator"], program, house.lab)
            teller = Teller(house, screen, guards.look, features, urls)
            teller.announce()
            for number, title, faults, fixes in story:
                chapter = teller.tell(number, title, faults, fixes, previous)
                chapters.append(chapter)
                if chapter.status == "completed":
                    previous = number
            went_back = features.went_back()
            had = features.figures(went_back)
        violated = guards.look()
    finally:
        guards.close()
        screen.warn(guards.broken)
    good, bad, fix, taken = chapters
    by = found(house.desk["viewer"], bad.rollout["id"], shelf())
    seconds = time.monotonic() - begun
    made_of = {"balancer": house.lab.balancers.kind, "source": by.source}
    back = TakenBack(taken, went_back, had)
    figures = receipt(good, bad, fix, back, violated, seconds, house.memory_mb(), made_of, by)
    told = costs(house.desk["viewer"], house.lab.accounts, good.rollout["id"])
    return {**figures, "receipts": told, "urls": urls.known}


def _stay(house: LabHouse, console: Console) -> None:
    """Keep everything up for a look around, until Ctrl-C."""
    token = house.admin_token
    console.print(
        f"\nEverything stays up until Ctrl-C. Look around from another terminal:\n\n  export WAVETRAIN_URL={house.url}"
    )
    console.print(
        f"  export WAVETRAIN_CA={house.authority}\n  export WAVETRAIN_TOKEN=$(cat {token})\n"
        "  .venv/bin/wavetrain rollout list\n  .venv/bin/wavetrain why lis1\n"
        "  .venv/bin/wavetrain login        # an address for your browser: the console"
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("ends")
