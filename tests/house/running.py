"""Running: a small real house with fast rules, for the tests of this folder."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.agent.memory import Memory
from wavetrain.agent.update import Step
from wavetrain.cli.client import at
from wavetrain.cli.lab_house import LabHouse, Setting
from wavetrain.lab.agents import Times
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.site_figures import PopFelt
from wavetrain.model.rollout import Turn

ROLLOUT_S_MAX = 150.0
GET_EVERY_S = 0.02
TIMES = Times(
    drain_spread_ms=150, drain_timeout_s=1.5, probe_timeout_s=4.0, invite_spread_ms=150, stop_grace_s=0.8
)
"""Only who does not follow a signal waits for the ends of them: they are long for a machine that is busy."""
SLOW_DRAIN = structs.replace(TIMES, drain_spread_ms=600, drain_timeout_s=2.0)
"""A drain that lasts long enough to be met in the middle of it, on a slow machine, too."""
POLICY = """\
lane = "pop"

[[ring]]
name = "pilot"
stage = "early"
pops = ["lis1"]
soak_minutes = 60

[[ring]]
name = "world"
stage = "general"
rest = true
soak_minutes = 0

[bake]
minutes = 5
exposure_min = 80.0
telemetry_away_s = 5.0

[verdicts]
lock = "trust"
alpha = 0.001
beta = 0.05
pre_period_s = 3.0

  [[verdicts.metric]]
  use = "errors"
  excess_max = 0.1

[timing]
unit_minutes = 5
permission_s = 15.0
report_late_s = 5.0
"""
ONE_RING = POLICY.replace(
    '[[ring]]\nname = "pilot"\nstage = "early"\npops = ["lis1"]\nsoak_minutes = 60\n\n', ""
)


def fleet_text(pops: Sequence[str], nodes: int) -> str:
    """A fleet of one region; every PoP is lightly loaded, and opens at two at night."""
    lines = ['[[region]]\nid = "emea"\nname = "Europe"\n']
    for pop in pops:
        names = ", ".join(f'"{pop}-n{n}"' for n in range(1, nodes + 1))
        lines.append(
            f'[[pop]]\nid = "{pop}"\nregion = "emea"\nplace = "Lisbon"\nzone = "Europe/Lisbon"\nload = 0.3\n'
            f'nodes = [{names}]\n  [pop.window]\n  rule = "FREQ=DAILY"\n  starts = "02:00"\n  hours = 4\n'
        )
    return "\n".join(lines)


def setting(
    pops: Sequence[str] = ("lis1",),
    nodes: int = 4,
    sites: int = 20,
    stubborn: int = 2,
    times: Times = TIMES,
    balancer: Choice = Choice.BUILTIN,
) -> Setting:
    """A small house in which train time jumps."""
    return Setting(
        fleet=fleet_text(pops, nodes),
        policy=POLICY if len(pops) > 1 else ONE_RING,
        sites=sites,
        users=2,
        stubborn=stubborn,
        times=times,
        balancer=balancer,
    )


def eventually(what: str, condition: Callable[[], object], within_s: float = ROLLOUT_S_MAX) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.03)


class Running:
    """Questions that tests ask a house."""

    def __init__(self, house: LabHouse) -> None:
        self.house = house
        self.lab = house.lab
        self._next_get = 0.0

    def get(self, path: str, **params: str | int) -> Any:
        """Ask as a viewer, no more often than the door lets a person ask."""
        time.sleep(max(0.0, self._next_get - time.monotonic()))
        self._next_get = time.monotonic() + GET_EVERY_S
        return self.house.desk["viewer"].get(path, **params)

    def rollout(self, name: str) -> dict[str, Any]:
        """How a rollout stands; empty before it was planned."""
        found = [item for item in self.get("/v1/status")["rollouts"] if item["id"] == name]
        return dict(found[0]) if found else {}

    def turn(self, name: str, pop: str = "lis1") -> dict[str, Any]:
        """A PoP's part in a rollout; empty before it has one."""
        turns = self.rollout(name).get("turns", ())
        return next((dict(turn) for turn in turns if turn["pop"] == pop), {})

    def journal(self, rollout: str = "", kind: str = "") -> list[dict[str, Any]]:
        """The lines of the journal."""
        filters = {key: value for key, value in (("rollout", rollout), ("kind", kind)) if value}
        return list(self.get("/v1/journal", limit=1000, **filters)["entries"])

    def why(self, subject: str) -> dict[str, Any]:
        """What `wavetrain why` reads."""
        return dict(self.get(at("why", subject)))

    def until_over(self, rollout: str, within_s: float = ROLLOUT_S_MAX) -> dict[str, Any]:
        """Wait for the end of a rollout."""
        deadline = time.monotonic() + within_s
        while not (seen := self.rollout(rollout)).get("is_over"):
            last = [line["text"] for line in self.journal()[-6:]]
            assert time.monotonic() < deadline, f"{rollout} is not over: {seen.get('hold')}; {seen}; {last}"
            time.sleep(0.05)
        return seen

    def memory(self, node: str) -> Memory:
        """What a node's agent remembers."""
        try:
            file = self.lab.nodes[node].folder / "agent" / "agent.json"
            return msgspec.json.decode(file.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()

    def step(self, node: str) -> Step | None:
        """The step of the update that is under way on a node."""
        update = self.memory(node).update
        return update.step if update is not None else None

    def running(self) -> dict[str, str]:
        """What each node runs, by its own agent's word."""
        return {node: self.memory(node).running for node in self.lab.nodes}

    def nodes_in(self, *steps: Step) -> list[str]:
        """The nodes whose update is in one of these steps."""
        return [node for node in self.lab.nodes if self.step(node) in steps]

    def freeze_in_drain(self, pop: str = "lis1") -> str:
        """Freeze the agent of the next node that its balancer drains; the node, once who follows a signal has left."""
        eventually("a node drains", lambda: self._draining(pop))
        (node,) = self._draining(pop)
        os.kill(self.lab.processes.pid(f"agent {node}"), signal.SIGSTOP)
        eventually(
            "its sessions have moved away",
            lambda: self.lab.servers(pop)[node]["sessions"] <= self.lab.pop(pop).size.stubborn,
        )
        return node

    def thaw(self, node: str) -> None:
        """Let a frozen agent go on."""
        os.kill(self.lab.processes.pid(f"agent {node}"), signal.SIGCONT)

    def begins(self, release: str) -> dict[str, int]:
        """How often each node's agent began an update to a release, by its own log."""
        return {
            node: sum(
                line.get("event") == "begin" and line["release"] == release
                for line in _lines(place.folder / "agent.log")
            )
            for node, place in self.lab.nodes.items()
        }

    def opens(self, pop: str, rollout: str) -> datetime:
        """When the window opens that the timetable gives a PoP, read from the store itself."""
        with closing(SqlStore(self.house.folder / "control" / "store.sqlite")) as store, store.read() as view:
            turn = view.get(Turn, rollout, pop)
        assert turn is not None
        return turn.opens

    def is_alone(self, node: str) -> bool:
        """Whether the last that a node's agent has to say is that nobody answers."""
        return bool(_lines(self.lab.nodes[node].folder / "agent.log")[-1]["event"] == "away")

    def felt(self) -> PopFelt:
        """What the live sessions felt so far."""
        return self.lab.felt()

    def assert_nothing_was_cut(self) -> None:
        """No cooperative session was cut, none of its heartbeats lost."""
        felt = self.felt().cooperative
        assert (felt.cut, felt.lost) == (0, 0), felt
        assert felt.up == felt.sessions > 0

    def assert_each_node_was_disturbed_once(self, rollout: str, release: str) -> None:
        """By the planner's word and by the agents' own."""
        admitted = [line["subject"] for line in self.journal(rollout, "admit")]
        told = [f"{line['kind']} {line['subject']}: {line['text']}" for line in self.journal(rollout)]
        assert sorted(admitted) == sorted(self.lab.nodes), told
        begun = self.begins(release)
        assert begun == dict.fromkeys(self.lab.nodes, 1), begun

    def _draining(self, pop: str) -> list[str]:
        return [node for node, server in self.lab.servers(pop).items() if server["state"] == "drain"]


def _lines(log: Path) -> list[dict[str, Any]]:
    """The lines of an agent's log; what is no JSON, such as a traceback, is not one."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
