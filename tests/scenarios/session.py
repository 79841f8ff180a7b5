"""Session: a control plane with open doors, a simulated fleet, and a clock that a page sets."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from typer.testing import CliRunner

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.outside import Outside
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.adapters.webhook import checked_url
from wavetrain.cli.main import app
from wavetrain.control import fleets, joiners, policies, tokens
from wavetrain.control.alerts import Alerts
from wavetrain.control.audience import Audience
from wavetrain.control.dispatches import Dispatches, Gone
from wavetrain.control.outbox import send_next
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.publish import Publisher
from wavetrain.control.standings import Standings
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.subscriptions import Ways
from wavetrain.control.telling import Teller
from wavetrain.decide import planner
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.decide.permit import Caller
from wavetrain.doors.http import build
from wavetrain.model.access import Role
from wavetrain.model.fleet import AccountId, NodeId, Pop, PopId, Site, SiteId, SiteKind
from wavetrain.model.notice import DEFAULT_KINDS, Alert, AlertKind, Outcome
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Turn, Wave
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.house import House
from wavetrain.simulate.nature import Kind, Nature, Span
from wavetrain.simulate.nodes import SimNode
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.policy_file import read_policy
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.connection import Connection
from wavetrain.wiring.tls import Tls, own_pair
from wavetrain.wiring.ways import lane_of

BASELINE = "1.9.0"
PERSONS = {
    "ci": (Role.CI,),
    "olga": (Role.OPERATOR,),
    "anna": (Role.APPROVER,),
    "ida": (Role.CI, Role.APPROVER),
    "ada": (Role.ADMIN,),
}
CUSTOMERS = {"cleo": "acme"}
"""Who speaks for which account; their tokens are made when the fleet has it."""
HOUSE = Caller("house", (Role.OPERATOR, Role.APPROVER))
STEP_S, LOOK_S = 10.0, 120.0
"""How much time passes between two ticks while something moves, and while the fleet is only watched."""
LIVELY = frozenset(
    {
        Reason.EVIDENCE,
        Reason.CANARY_SHARE,
        Reason.PRE_PERIOD,
        Reason.TELEMETRY_AWAY,
        Reason.NOT_REPORTING,
        Reason.IN_PROGRESS,
        Reason.REVERTING,
        Reason.FEATURES_OFF,
    }
)
"""The reasons that small steps of time may end."""
OPENS_WITHIN_S = 60.0
COLUMNS = "118"


class Session:
    """What a page's commands speak to. Nothing moves but in `run` and `until`, so that every page is repeatable."""

    def __init__(self, folder: Path, files: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.nature = Nature(Random(1))
        fleet = read_fleet((files / "fleet.toml").read_text(), self.now)
        self.nodes = {
            node: SimNode(node, pop.id, BASELINE, self.nature)
            for pop in fleet.pops.values()
            for node in pop.nodes
        }
        self.house = House(self.clock, self.nature, self.nodes, {}, planner.decide)
        self.store = self.house.store
        self.standings = Standings(self.store)
        self.house.evaluators = self.audience = Audience(self.standings)
        self._programs: list[int] = []
        self._fleet = fleet
        self._policy = read_policy((files / "policy.toml").read_text(), fleet)
        self._secrets = {
            name: tokens.create(self.store, tokens.HOUSE, name, roles)[1] for name, roles in PERSONS.items()
        }
        self._publisher, self._looked = Publisher(self.store), 0.0
        self._board, self._outlooks = StatusBoard(self.store), Outlooks(self.store, lambda: self._looked)
        self._teller = Teller(self.store, lambda: self._board.picture)
        self._dispatches = Dispatches(self.store, lane_of)
        self._customers = Outcome(taken=True, text="taken")
        self._alerts: Alerts | None = None
        self._channels: dict[str, Hook] = {}
        self._stack = contextlib.ExitStack()
        self._url = self._ca = ""
        for name in sorted(files.iterdir()):
            (folder / name.name).write_text(name.read_text())

    def __enter__(self) -> Self:
        artifacts, trust = ArtifactStore(self.folder / "artifacts"), SigningKey(self.folder / "key")
        keys = self.folder / "control"
        keys.mkdir(exist_ok=True)
        authority = OwnAuthority(keys, utc_now())
        doors = build(
            self.store,
            artifacts,
            trust,
            self.house.ticker.watch.evidence_of,
            authority=authority,
            board=self._board,
            outlooks=self._outlooks,
            ways=Ways(Outside(), checked_url, mails=True),
        )
        tls = Tls(authority, own_pair(authority, keys, ()), utc_now)
        self._url = self._stack.enter_context(_served(doors, tls))
        self._ca = str(authority.file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def now(self) -> datetime:
        """Train time; it never jumps here, so it is the store's own clock."""
        return datetime.fromtimestamp(self.clock(), tz=UTC)

    def furnish(self) -> None:
        """The fleet and the policy are applied, and every node has reported."""
        fleets.apply(self.store, HOUSE, self._fleet)
        policies.apply(self.store, HOUSE, self._policy)
        self.house.polls()
        fleets.adopt(self.store, HOUSE)

    def until(self, moment: datetime) -> None:
        """Let train time pass: in small steps while anything moves, straight to the next known end while it waits."""
        if moment <= self.now:
            raise ValueError(f"it is {self.now:%Y-%m-%d %H:%M} already; time only passes")
        while self.now < moment:
            left = (moment - self.now).total_seconds()
            self._pass(min(left, self._step_s(left)))

    def type(self, person: str, line: list[str]) -> tuple[str, int]:
        """Run one `wavetrain` command as a person; what it prints (errors included) and its exit code."""
        environment = {
            "WAVETRAIN_URL": self._url,
            "WAVETRAIN_CA": self._ca,
            "WAVETRAIN_TOKEN": self._secret(person),
            "COLUMNS": COLUMNS,
            "NO_COLOR": "1",
        }
        self._board.follow()
        self._looked += 1_000.0  # whoever looks ahead has rested
        self._outlooks.look()
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(app, line, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.house.ticker.tick()
        self._tell()
        return result.output, result.exit_code

    def _secret(self, person: str) -> str:
        if person in CUSTOMERS and person not in self._secrets:
            account = CUSTOMERS[person]
            made = tokens.create(self.store, tokens.HOUSE, person, (Role.ACCOUNT,), account=account)
            self._secrets[person] = made[1]
        return self._secrets[person]

    def connect(self) -> None:
        """A program that evaluates features knows them as they are, and is slow from now on."""
        self._programs.append(self.audience.join(self.standings.version))

    def settle(self, account: str, name: str, primary: str, second: str, kind: str, users: str) -> None:
        """A site is in the fleet from now on, as the operator's inventory has it."""
        site = Site(
            id=SiteId(name),
            account=AccountId(account),
            primary=PopId(primary),
            secondary=PopId("" if second == "alone" else second.removeprefix("and ")),
            kind=SiteKind(kind),
            users=int(users),
        )
        with self.store.write() as transaction:
            transaction.put(site)

    # What is really so: nobody in the page knows it yet

    def set_up(self, node: str, pop: str, release: str) -> None:
        """There is one more machine, with an agent that speaks for it."""
        self.nodes[NodeId(node)] = SimNode(NodeId(node), pop, release, self.nature)

    def degrade(self, number: str, percent: str) -> None:
        """It passes its probe, and fails so much of what it is asked to do."""
        self.nature.kinds[number] = Kind.DEGRADED
        self.nature.worse[number] = int(percent) / 100

    def sicken(self, node: str, release: str) -> None:
        """This release never gets healthy on this node."""
        self.nature.sick.add((node, release))

    def garble(self, release: str, node: str) -> None:
        """The bytes of this release never arrive whole on this node."""
        self.nature.garbled.add((node, release))

    def chill(self, pop: str) -> None:
        """The caches of a program that was just started are cold."""
        self.nature.cold_starts.add(pop)

    def kill(self, node: str) -> None:
        """The machine is down, until somebody sets it up anew."""
        self.nature.dead[node] = [Span(self.clock(), float("inf"))]

    def darken(self, pop: str, minutes: str) -> None:
        """Nobody can measure this PoP for so long."""
        self.nature.dark[pop] = [Span(self.clock(), self.clock() + 60.0 * int(minutes))]

    def rebuild(self, node: str) -> None:
        """Somebody has set the machine up anew."""
        self.nature.dead.pop(node, None)
        self.nature.sick = {pair for pair in self.nature.sick if pair[0] != node}
        self.nature.garbled = {pair for pair in self.nature.garbled if pair[0] != node}
        self.nodes[NodeId(node)].rebuild(BASELINE)

    def tell_by(self, channel: str) -> None:
        """The configuration has one more channel, which tells what every channel tells, and the ends of rollouts."""
        self._channels[channel] = Hook()
        on = (*DEFAULT_KINDS, AlertKind.COMPLETED)
        self._alerts = Alerts(self.store, [(name, "webhook", on) for name in self._channels])
        self._alerts.begin("the house")

    def deafen(self, channel: str) -> None:
        """Its receiver fails."""
        self._channels[channel].outcome = Outcome(taken=False, text="502 Bad Gateway")

    def hear(self, channel: str) -> None:
        """Its receiver takes what it gets."""
        self._channels[channel].outcome = Hook.outcome

    def refuse_mail(self) -> None:
        """No server takes mail to customers."""
        self._customers = Outcome(taken=False, text="451 try again later")

    def take_mail(self) -> None:
        """One takes it again."""
        self._customers = Outcome(taken=True, text="taken")

    def _tell(self) -> None:
        self._publisher.look()
        self._board.follow()
        self._teller.look()
        gone: list[Gone] = []
        while (lots := self._dispatches.turn(gone)) or gone:
            gone = [Gone(lot, self._customers, 0.0) for lot in lots]
        if self._alerts is not None:
            self._alerts.look()
        for name, receiver in self._channels.items():
            while send_next(self.store, name, receiver) == 0.0:
                pass

    def _pass(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for node in self.nodes.values():
            node.live(self.clock())
        self.house.polls()
        self.house.ticker.tick()
        self._tell()

    def _step_s(self, at_most: float) -> float:
        holds = self._holds()
        if self._is_moving() or any(hold.reason in LIVELY and not hold.asks for hold in holds):
            return STEP_S
        if self._is_unwatched():
            return LOOK_S
        ends = [hold.until for hold in holds if hold.until is not None and hold.until > self.now]
        return min([at_most, *((end - self.now).total_seconds() for end in ends)])

    def _is_moving(self) -> bool:
        """Whether a node does something, has something to say, or was told something and is not late."""
        if any(node.memory.update is not None or node.spoken() != node.heard for node in self.nodes.values()):
            return True
        with self.store.read() as view:
            turns = view.find(Turn)
            if joiners.is_busy(view):
                return True
        return any(item.late_at > self.clock() for turn in turns for item in turn.progress)

    def _is_unwatched(self) -> bool:
        """Whether the control plane knows its PoPs for less than the pre-period."""
        with self.store.read() as view:
            pops = [pop.id for pop in view.find(Pop)]
        known = self.house.ticker.watch.pre_period_s()
        return any(known.get(pop, 0.0) < self._policy.verdicts.pre_period_s for pop in pops)

    def _holds(self) -> list[Hold]:
        """The holds of what is under way: a rollout's, or those of its wave and its turns."""
        holds: list[Hold | None] = []
        with self.store.read() as view:
            for rollout in [item for status in ACTIVE for item in view.find(Rollout, status=status.value)]:
                holds.append(rollout.hold)
                if rollout.hold is None:
                    wave = view.get(Wave, rollout.id, str(rollout.wave))
                    holds.append(wave.hold if wave is not None else None)
                    holds += [
                        turn.hold for turn in view.find(Turn, rollout=rollout.id) if turn.wave == rollout.wave
                    ]
        return [hold for hold in holds if hold is not None]


class Hook:
    """A channel's receiver."""

    outcome = Outcome(taken=True, text="200 OK")

    def deliver(self, alert: Alert, at: float) -> Outcome:
        """As it stands with the receiver now."""
        return self.outcome


@contextlib.contextmanager
def _served(doors: Starlette, tls: Tls) -> Iterator[str]:
    """The doors on a free port of loopback meanwhile; their address."""
    config = uvicorn.Config(
        doors,
        host="127.0.0.1",
        port=0,
        http=Connection,
        ws="none",
        ssl_context_factory=lambda *_: tls.context,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="doors")
    thread.start()
    try:
        looked, pause = 0.0, threading.Event()
        while not server.started and thread.is_alive() and looked < OPENS_WITHIN_S:
            looked += 0.005
            pause.wait(0.005)
        assert server.started, "the doors did not open"
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(OPENS_WITHIN_S)
