"""One record of every kind, with something in most fields."""

from datetime import UTC, date, datetime, timedelta

from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, PopWatch, RolloutEvidence
from wavetrain.decide.evidence_track import EvidenceTrack, noted
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.decide.placebo_proof import PlaceboProof
from wavetrain.evidence.account_arms import ArmSums
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.bucket_sums import KeptSums
from wavetrain.evidence.preperiod import Preperiod, absorb
from wavetrain.model.access import Certificate, Join, Role, Token
from wavetrain.model.feature import (
    Early,
    Feature,
    FeatureKey,
    Killed,
    Kind,
    Moved,
    Needs,
    Pause,
    Ramp,
    Step,
    Variant,
)
from wavetrain.model.feature_check import FeatureCheck, OnFail, Side
from wavetrain.model.feature_choice import FeatureChoice, Word
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Blackout,
    Cordon,
    Desired,
    Generation,
    Group,
    GroupId,
    NodeId,
    Phase,
    Pop,
    PopId,
    Quarantine,
    Rebuilt,
    Region,
    RegionId,
    Reported,
    Retired,
    Site,
    SiteId,
    SiteKind,
    UnitId,
    Visit,
)
from wavetrain.model.ledger import Ledger
from wavetrain.model.notice import Alert, AlertKind, Channel, Concern, Delivery, Outgoing, Tenure
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import CurrentPolicy, MetricRule, Policy, PolicyText, Ring, Verdicts
from wavetrain.model.record import Record
from wavetrain.model.release import Floor, Release, ReleaseId, Stage, Tombstone
from wavetrain.model.rollout import (
    Approval,
    Fairness,
    Progress,
    Rollout,
    RolloutId,
    Slot,
    Status,
    Stop,
    Timetable,
    Turn,
    TurnPhase,
    UnitState,
    Wave,
    WaveStatus,
)
from wavetrain.model.standstill import Believed, Cause, Standstill
from wavetrain.model.window import Freeze, WindowRule

AT = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = AT + timedelta(hours=4)
FRA, NODE, ROLLOUT = PopId("fra1"), NodeId("fra1-n1"), RolloutId("edge-2.1.0")
SECOND = Generation(1, 2)
HOLD = Hold(Reason.OUTSIDE_WINDOW, until=LATER, detail="opens daily", asks=True)
_CHECK = FeatureCheck(
    name="errors",
    on=Side(events='e{variant="on"}', exposure="r"),
    off=Side(events="e", exposure="r"),
)
_MOVING = Progress(
    unit=UnitId(NODE), state=UnitState.DRAINING, generation=SECOND, release="2.1.0", since=1.5, late_at=61.5
)
_SEEN = absorb(Preperiod(), Bin(seconds=5.0, nodes=(NodeCount(NODE, 2.0, 100.0), NodeCount("n2", 1.0, 99.0))))
_POLICY = Policy(
    lane="pop",
    rings=(
        Ring(name="lab", stage=Stage.EARLY, pops=("lab1",)),
        Ring(name="all", stage=Stage.GENERAL, rest=True),
    ),
    verdicts=Verdicts(metrics=(MetricRule(name="drops", events="d", exposure="s", weight=1.0),)),
)

SAMPLES: tuple[Record, ...] = (
    Region(id=RegionId("eu"), name="Europe “ost”"),
    Pop(
        id=FRA,
        region=RegionId("eu"),
        place="Frankfurt",
        zone="Europe/Berlin",
        window=WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=240, zone="Europe/Berlin"),
        nodes=(NODE, NodeId("fra1-n2")),
        load=0.4,
    ),
    Group(id=GroupId("metro"), members=(FRA, PopId("fra2"))),
    Account(
        id=AccountId("a1"),
        name="Société",
        early=True,
        blackouts=(Blackout(first=date(2025, 6, 1), last=date(2025, 6, 2)),),
        licences=("premium",),
        appliance="9.1",
        client="5.4",
    ),
    Site(
        id=SiteId("a1-lyon"),
        account=AccountId("a1"),
        primary=FRA,
        secondary=PopId("fra2"),
        kind=SiteKind.IPSEC,
        zone="Europe/Paris",
        users=40,
        detection_s=90.0,
    ),
    Feature(
        id=FeatureKey("menu"),
        kind=Kind.OBJECT,
        variants=(Variant("on", {"tiles": 4, "names": ["a", "“b”"]}), Variant("off", {})),
        on="on",
        off="off",
        summary="Menus",
        owner="console team",
        needs=Needs(releases={"gateway": "2.1.0"}, features=(FeatureKey("dark"),)),
        early=Early(since=AT, terms="as it is"),
        ramp=Ramp(begins=AT, steps=(Step(0.0, 1_000_000),), pauses=(Pause(since=AT, until=LATER, by="ada"),)),
        killed=Killed(at=LATER, by="ada", reason="it blinks"),
        announced_at=AT,
        moves=(Moved(AT, "ramp", LATER),),
        told_at=LATER,
        checks=(_CHECK,),
        on_fail=OnFail.OFF,
        alpha=0.01,
    ),
    Reported(
        node=NODE,
        pop=FRA,
        generation=SECOND,
        release="2.1.0",
        phase=Phase.DRAINING,
        since=AT,
        metrics="http://127.0.0.1:1/metrics",
    ),
    Desired(node=NODE, pop=FRA, generation=SECOND, release="2.1.0", rollout=ROLLOUT, permitted_s=120.0),
    Cordon(subject="fra1", by="ada", since=AT, reason="fibre"),
    Quarantine(node=NODE, pop=FRA, rollout=ROLLOUT, since=AT, reason="probe", serves=True),
    Retired(node=NODE, by="ada", since=AT),
    Rebuilt(node=NODE, boot="b-1", generation=SECOND, at=AT),
    Visit(account="a1", pop=FRA, day="2025-06-01", sessions=3, had=("menu",)),
    Release(
        id=ReleaseId("edge@2.1.0"),
        component="edge",
        number="2.1.0",
        lane="pop",
        digest="0" * 64,
        size=10,
        stage=Stage.EARLY,
        submitted_at=AT,
        submitted_by="ci",
        gates={"build": True, "tests": False},
    ),
    Tombstone(release=ReleaseId("edge@2.1.0"), number="2.1.0", reason="cuts", at=AT, by="tick"),
    PolicyText(digest="abc", lane="pop", policy=_POLICY, by="ada"),
    CurrentPolicy(lane="pop", digest="abc"),
    Rollout(
        id=ROLLOUT,
        release=ReleaseId("edge@2.1.0"),
        number="2.1.0",
        previous="2.0.0",
        component="edge",
        lane="pop",
        status=Status.ROLLING,
        policy="abc",
        created_at=AT,
        created_by="tick",
        departs=LATER,
        not_before=LATER,
        hold=HOLD,
        approvals=(Approval(kind="general", by="ada", at=AT),),
        failed_at=12.25,
    ),
    Wave(
        rollout=ROLLOUT,
        ordinal=10,
        ring="lab",
        stage=Stage.EARLY,
        status=WaveStatus.BAKING,
        soak_minutes=60,
        last_of_ring=True,
        baked_since=AT,
        hold=HOLD,
    ),
    Turn(
        rollout=ROLLOUT,
        pop=FRA,
        wave=10,
        phase=TurnPhase.CANARY,
        order=(UnitId(NODE), UnitId("fra1-n2")),
        canaries=1,
        opens=AT,
        closes=LATER,
        cursor=1,
        progress=(_MOVING,),
    ),
    Timetable(
        rollout=ROLLOUT,
        number=2,
        parent=1,
        made_at=AT,
        stops=(Stop(pop=FRA, wave=1, ring="lab", opens=AT, closes=LATER),),
    ),
    Fairness(lane="pop", trains=2, early={FRA: 0.75}),
    Slot(budget="pop:fra1", ordinal=0, owner=UnitId(NODE), pop=FRA, rollout=ROLLOUT, since=AT),
    Freeze(id="xmas", starts=AT, ends=LATER, reason="shops", by="ada", scope=("eu",)),
    Token(
        id="t1",
        name="ada",
        roles=(Role.OPERATOR, Role.VIEWER),
        secret_sha256="f" * 64,
        created_at=AT,
        created_by="root",
        expires_at=LATER,
    ),
    Ledger(generation=SECOND, jumped_s=3600.5),
    PopWatch(pop=FRA, metrics={"drops": _SEEN}),
    PlaceboProof(
        policy="b" * 64,
        made_at=AT,
        pops=(FRA,),
        train_s=18_000.0,
        trains=56,
        effective=14,
        over=1,
        certified=0.19,
        threshold=None,
    ),
    FeatureEvidence(
        feature=FeatureKey("menu"),
        begins=AT,
        checks=(_CHECK,),
        alpha=1e-3,
        sums=(ArmSums(on_events=3.0, on_exposure=200.5, cells=2.0),),
        compared_s=60.0,
        last_at=LATER,
        fell_at=LATER,
        text="worse",
    ),
    noted(EvidenceTrack(rollout=ROLLOUT, metrics=("drops",)), 1_750_000_000.5, 1.25, (2.5,)),
    RolloutEvidence(
        rollout=ROLLOUT,
        metrics=("drops",),
        changes=3,
        totals=b"\x00\xff",
        pre_period_s=60.0,
        log_e=1.5,
        pairs=b"\x01",
        buckets={"latency": KeptSums(bounds=(0.1,), sums=b"\x02")},
    ),
    PopEvidence(
        rollout=ROLLOUT,
        pop=FRA,
        states=b"\x00\xff",
        share=0.25,
        compared_s=30.0,
        pairs=b"\x03",
        paired=(NODE,),
        only_watch=("drops",),
    ),
    PopCalibration(
        rollout=ROLLOUT,
        pop=FRA,
        seconds=60.0,
        nodes=(NODE,),
        weights=b"\x00",
        figures=b"\xff",
        only_watch=("drops",),
    ),
    FeatureChoice(
        account=AccountId("a1"),
        feature=FeatureKey("menu"),
        early=Word(at=AT, by="ann"),
        deferred_until=LATER,
        given_back=Word(at=LATER, by="ann", reason="it blinks"),
        held=Word(at=LATER, by="olga", reason="asked by the account"),
    ),
    Standstill(cause=Cause.CLOCK, since=AT, detail="stepped", shift_s=3600.5),
    Believed(node=NODE, pop=FRA, generation=SECOND, release="1.9.0", phase=Phase.STEADY),
    Join(
        id="j1",
        node=NODE,
        secret_sha256="e" * 64,
        created_at=AT,
        created_by="ada",
        expires_at=LATER,
        used_at=AT,
    ),
    Certificate(serial="0abc", node=NODE, not_before=AT, not_after=LATER, by="j1", revoked=True),
    Floor(component="edge", number="2.1.0", reason="CVE", at=AT, by="ada", raised=2),
    Concern(kind=AlertKind.ASKS, subject="edge-2.1.0/fra1", reason="not_reporting", since=AT),
    Channel(name="ops", kind="webhook", on=(AlertKind.FAIL, AlertKind.ASKS), since=AT),
    Tenure(holder="host:1:ab", since=AT),
    Outgoing(
        id="alert-1",
        channel="ops",
        state=Delivery.WAITING,
        alert=Alert(
            id="alert-1",
            kind=AlertKind.FAIL,
            subject=ROLLOUT,
            title="edge-2.1.0 failed",
            since=AT,
            why="it leaks",
            command="wavetrain why edge-2.1.0",
        ),
        made_at=AT,
        queued_at=1.5,
        due_at=6.5,
    ),
)
