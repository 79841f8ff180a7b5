"""Demo features: how many accounts have each feature, by the word of a program that evaluates them?"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wavetrain.cli.client import Client, at
from wavetrain.errors import UnreachableError
from wavetrain.evaluator.evaluator import Evaluator
from wavetrain.lab.layout import FEATURES
from wavetrain.lab.pops import Lab
from wavetrain.lab.releases import COMPONENT

READY_S = 10.0
RAMP_DAYS = 14
ENOUGH = 10
"""A person takes a release back when its feature is on for one account in so many."""
REASON = "sites sleep too deeply"


class Look(msgspec.Struct, frozen=True):
    """What the program knew from an instant on."""

    at: float
    """Seconds since the Unix epoch, by the program's clock, when it was known."""
    on: dict[str, int]
    """How many accounts have each feature on."""


class Bar(msgspec.Struct, frozen=True):
    """A feature as it is shown: on for how many of the accounts."""

    key: str
    on: int
    accounts: int
    needs: str
    counts: tuple[int, ...] = ()
    """On how many it was, from change to change."""


class WentBack(msgspec.Struct, frozen=True):
    """When a release was taken back by a person, in train time, as the journal has it."""

    at: datetime
    """Of the commit."""
    first_drain: datetime | None
    """When the first node was told to go back; None where none was."""
    ahead_s: float
    """So much, at most, was train time ahead of this machine's clock."""
    first_left: float | None
    """When the first session had left a node that went back, in seconds since the Unix epoch; None where none has."""

    @property
    def commit(self) -> float:
        """The commit by this machine's clock, at the earliest: seconds since the Unix epoch."""
        return self.at.timestamp() - self.ahead_s

    @property
    def first_drain_s(self) -> float | None:
        """Seconds from the commit until the first node was told."""
        return (self.first_drain - self.at).total_seconds() if self.first_drain else None

    @property
    def first_left_s(self) -> float | None:
        """Seconds from the commit until the first session had left."""
        return self.first_left - self.commit if self.first_left is not None else None


class Program:
    """A program that asks for features in its own process; remembers each change of what it knows, with the time."""

    def __init__(self, url: str, token: str, authority: Path, accounts: Sequence[str]) -> None:
        self._accounts = tuple(accounts)
        self._turn = threading.Condition()
        self.looks: list[Look] = []
        self._evaluator = Evaluator(
            url, token, ca_file=str(authority), accounts=self._accounts, changed=self._count
        )

    def __enter__(self) -> Self:
        if not self._evaluator.start(READY_S):
            self._evaluator.close()
            raise UnreachableError(f"no features came within {READY_S:g} s; see the control plane's log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._evaluator.close()

    def wait(self, seen: int, timeout_s: float) -> None:
        """Until there are more looks than `seen`, or time is up."""
        with self._turn:
            self._turn.wait_for(lambda: len(self.looks) > seen, timeout_s)

    def _count(self) -> None:
        known_at = time.time()
        with self._turn:
            on: Counter[str] = Counter()
            for account in self._accounts:
                answers = self._evaluator.all(account)
                on.update({key: int(answer.value is True) for key, answer in answers.items()})
            if not self.looks or self.looks[-1].on != on:
                self.looks.append(Look(known_at, dict(on)))
                self._turn.notify_all()


class Features:
    """Announces the lab's features, begins their ramps with the trains that they need, and takes a release back."""

    def __init__(self, desk: Client, program: Program, lab: Lab) -> None:
        self._desk, self._program, self._lab = desk, program, lab
        self._accounts = len(lab.accounts)
        self._needs: dict[str, str] = {}
        self._ramped: set[str] = set()
        self._told: dict[str, int] = {}
        self._seen = 0
        self._taken = ""
        self._moves: dict[str, int] = {}
        self._ahead_s: list[float] = []

    def announce(self) -> None:
        """Those of the file that is shipped with the lab."""
        self._desk.post("/v1/features", {"text": FEATURES.read_text()})
        found = [item["feature"] for item in self._desk.get("/v1/features")]
        needs = {feature["id"]: feature["needs"]["releases"][COMPONENT] for feature in found}
        self._needs = dict(sorted(needs.items(), key=lambda item: str(item[1])))

    def wait(self, timeout_s: float) -> None:
        """Until accounts have other features than when `bars` was asked for, or time is up."""
        self._program.wait(self._seen, timeout_s)

    def bars(self) -> tuple[Bar, ...]:
        """How it stands now."""
        looks = tuple(self._program.looks)
        self._seen, on = len(looks), looks[-1].on
        return tuple(
            Bar(key, on.get(key, 0), self._accounts, f"{COMPONENT} {least}", counts_of(key, looks))
            for key, least in self._needs.items()
        )

    def news(self) -> list[Bar]:
        """Those that have changed since this was asked last."""
        fresh = [bar for bar in self.bars() if self._told.get(bar.key, 0) != bar.on]
        self._told.update({bar.key: bar.on for bar in fresh})
        return fresh

    def steer(self, rollout: Mapping[str, Any], takes_back: bool) -> None:
        """What a person does about a rollout as it stands now, by what the screen has said of its feature."""
        if rollout["status"] != "rolling":
            return
        brought = [bar for bar in self.bars() if bar.needs == f"{COMPONENT} {rollout['number']}"]
        for bar in brought:
            if bar.key not in self._ramped:
                self._ramped.add(bar.key)
                self._desk.post(at("features", bar.key, "ramp"), {"days": RAMP_DAYS, "steps": []})
        is_enough = any(self._told.get(bar.key, 0) * ENOUGH >= bar.accounts for bar in brought)
        if takes_back and is_enough and not self._taken:
            self._taken = str(rollout["id"])
            self._moves = self._lab.moves_so_far()
            self._desk.post(at("rollouts", rollout["id"], "revert"), {"reason": REASON})

    def heard(self, asked_at: float, now: str) -> None:
        """A status that was asked for at `asked_at` by this machine's clock said that train time is `now`.

        While a rollout goes back train time does not jump, and it was not earlier than this when it was asked for.
        """
        if self._taken:
            self._ahead_s.append(datetime.fromisoformat(now).timestamp() - asked_at)

    def went_back(self) -> WentBack | None:
        """When the release was taken back; None where it was not."""
        if not self._taken:
            return None
        entries = self._desk.get("/v1/journal", rollout=self._taken, limit=1000)["entries"]
        began = [one for one in entries if one["body"].get("status") == "reverting"]
        drains = [
            one["at"] for one in entries if one["kind"] == "revert" and one["subject"] in self._lab.nodes
        ]
        return WentBack(
            datetime.fromisoformat(began[0]["at"]),
            min(map(datetime.fromisoformat, drains), default=None),
            min(self._ahead_s),
            self._lab.first_to_leave(self._moves),
        )

    def figures(self, went_back: WentBack | None) -> dict[str, Any]:
        """By feature, as `--json` writes them."""
        return {
            key: figures_of(key, f"{COMPONENT} {least}", self._accounts, self._program.looks, went_back)
            for key, least in self._needs.items()
        }


def counts_of(key: str, looks: Sequence[Look]) -> tuple[int, ...]:
    """How many accounts had a feature, from one change of that to the next."""
    counts = [look.on.get(key, 0) for look in looks]
    return tuple(count for at, count in enumerate(counts) if not at or count != counts[at - 1])


def figures_of(
    key: str, needs: str, accounts: int, looks: Sequence[Look], went_back: WentBack | None
) -> dict[str, Any]:
    """What became of a feature over the whole demonstration."""
    counts = counts_of(key, looks)
    off_s = None
    if went_back is not None:
        gone = [
            after.at
            for before, after in pairwise(looks)
            if before.on.get(key, 0) and not after.on.get(key, 0) and after.at >= went_back.commit
        ]
        off_s = round(gone[0] - went_back.commit, 3) if gone else None
    return {
        "needs": needs,
        "accounts": accounts,
        "counts": list(counts),
        "on_at_most": max(counts, default=0),
        "on_at_end": counts[-1] if counts else 0,
        "fell": sum(max(0, before - after) for before, after in pairwise(counts)),
        "off_after_revert_s": off_s,
    }
