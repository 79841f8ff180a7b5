"""Practice: a small house in memory for tests of use cases."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.control import fleets, policies, submit
from wavetrain.decide.admission import Candidate
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import Fleet, Generation, NodeId, PopId, UnitId
from wavetrain.model.ledger import Ledger
from wavetrain.model.policy import Policy
from wavetrain.model.release import ReleaseId, Stage
from wavetrain.model.rollout import (
    Progress,
    Rollout,
    RolloutId,
    Slot,
    Status,
    Turn,
    TurnPhase,
    UnitState,
    Wave,
    WaveStatus,
)
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.policy_file import read_policy

START = datetime(2026, 11, 1, tzinfo=UTC)
CI = Caller("ci", (Role.CI,))
OPERATOR = Caller("olga", (Role.OPERATOR,))
APPROVER = Caller("anna", (Role.APPROVER,))
ADMIN = Caller("ada", (Role.ADMIN,))
VIEWER = Caller("vic", (Role.VIEWER,))
BYTES = b"release bytes"
DIGEST = hashlib.sha256(BYTES).hexdigest()
ROLLOUT = "gateway-2.0.0"


def pop_text(pop: str, nodes: int = 4, zone: str = "Europe/Lisbon") -> str:
    """One PoP of a fleet file."""
    names = ", ".join(f'"{pop}-n{index + 1}"' for index in range(nodes))
    return (
        f'[[pop]]\nid = "{pop}"\nregion = "emea"\nplace = "{pop}"\nzone = "{zone}"\nnodes = [{names}]\n'
        '[pop.window]\nrule = "FREQ=DAILY"\nstarts = "02:00"\nhours = 4\n'
    )


FLEET = '[[region]]\nid = "emea"\n' + pop_text("lis1") + pop_text("fra1")
POLICY = (
    'lane = "pop"\n[[ring]]\nname = "pilot"\nstage = "early"\npops = ["lis1"]\n'
    '[[ring]]\nname = "world"\nstage = "general"\nrest = true\n'
)


class Practice:
    """A store in memory with a fleet and a policy, artifacts on disk, and a key."""

    def __init__(self, folder: Path) -> None:
        self.seconds = START.timestamp()
        self.store = MemoryStore(lambda: self.seconds)
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.trust = SigningKey(folder / "key")
        fleets.apply(self.store, OPERATOR, self.fleet(FLEET))
        policies.apply(self.store, APPROVER, self.policy(POLICY))

    @staticmethod
    def fleet(text: str) -> Fleet:
        """The fleet that a text says."""
        return read_fleet(text, START)

    @staticmethod
    def policy(text: str) -> Policy:
        """The policy that a text says."""
        return read_policy(text)

    @property
    def sequence(self) -> tuple[int, int]:
        """The numbers of the last change and of the last journal entry: what a refusal must leave alone."""
        with self.store.read() as view:
            return view.sequence, max((entry.seq for entry in view.journal_tail(1)), default=0)

    def last(self) -> str:
        """The last line of the journal."""
        with self.store.read() as view:
            return view.journal_tail(1)[0].text

    def candidate(self, number: object = "2.0.0", **fields: object) -> Candidate:
        """A candidate whose bytes are kept."""
        submit.keep(self.artifacts, CI, DIGEST, [BYTES])
        values: dict[str, object] = {
            "component": "gateway",
            "number": number,
            "lane": "pop",
            "digest": DIGEST,
            "size": len(BYTES),
            "gates": {"build": True, "tests": True},
        }
        return Candidate(**{**values, **fields})  # type: ignore[arg-type]

    def submitted(self, number: str = "2.0.0") -> None:
        """Submit a good release."""
        submit.submit(self.store, self.artifacts, CI, self.candidate(number))

    def rolling(
        self, status: Status = Status.ROLLING, phase: TurnPhase = TurnPhase.CANARY, **turn: object
    ) -> Rollout:
        """A rollout under way, with the first node of lis1 exposed as its canary."""
        self.submitted()
        until = START + timedelta(hours=4)
        node = UnitId("lis1-n1")
        progress = Progress(
            unit=node,
            state=UnitState.DRAINING,
            generation=Generation(1, 1),
            release="2.0.0",
            since=0.0,
            late_at=0.0,
        )
        fields: dict[str, object] = {"cursor": 1, "progress": (progress,), **turn}
        with self.store.write() as transaction:
            rollout = transaction.put(
                Rollout(
                    id=RolloutId(ROLLOUT),
                    release=ReleaseId("gateway@2.0.0"),
                    number="2.0.0",
                    previous="1.9.0",
                    component="gateway",
                    lane="pop",
                    status=status,
                    policy="",
                    created_at=START,
                    created_by="ci",
                    departs=START,
                    not_before=START,
                    waves=1,
                )
            )
            transaction.put(
                Wave(
                    rollout=rollout.id,
                    ordinal=0,
                    ring="pilot",
                    stage=Stage.EARLY,
                    status=WaveStatus.EXECUTING,
                    soak_minutes=0,
                    last_of_ring=True,
                )
            )
            transaction.put(
                Turn(
                    rollout=rollout.id,
                    pop=PopId("lis1"),
                    wave=0,
                    phase=phase,
                    order=tuple(UnitId(f"lis1-n{index}") for index in (1, 2, 3, 4)),
                    canaries=1,
                    opens=START,
                    closes=until,
                    **fields,  # type: ignore[arg-type]
                )
            )
            transaction.put(
                Slot(
                    budget="pop:lis1",
                    ordinal=0,
                    owner=node,
                    pop=PopId("lis1"),
                    rollout=rollout.id,
                    since=START,
                )
            )
            transaction.put(Ledger(generation=Generation(1, 1)))
        return rollout

    def turn(self) -> Turn:
        """The turn of lis1."""
        with self.store.read() as view:
            turn = view.get(Turn, ROLLOUT, "lis1")
        assert turn is not None
        return turn


def node_caller(node: str) -> Caller:
    """A node, as its certificate says."""
    return Caller(NodeId(node), (Role.NODE,))
