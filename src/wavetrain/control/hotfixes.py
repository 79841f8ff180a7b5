"""Hotfixes: how does a release enter a train under way, and who may change that?"""

from wavetrain.control.bans import banned
from wavetrain.control.chronicle import tell
from wavetrain.control.facts import policy_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import check_reason, found
from wavetrain.decide.admission import Candidate
from wavetrain.decide.entry import Scene, refusal
from wavetrain.decide.lifecycle import Cause, rollout_after
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, TransitionError, UnknownError
from wavetrain.model.fleet import Pop, Reported
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.lane import LANES
from wavetrain.model.policy import CurrentPolicy, Succession
from wavetrain.model.release import Release, Tombstone
from wavetrain.model.rollout import Rollout, Status, Turn, Wave


def place(store: Store, caller: Caller, rollout_id: str, hotfix: Hotfix, reason: str) -> Rollout:
    """Let a rollout that has not departed enter in another way; its timetable is made anew.

    `RefusedError` and `TransitionError` name the rule that it breaks. Consent to the way before does not count any
    more.
    """
    require(caller, Act.STEER)
    check_reason("place", reason)
    with store.write() as transaction:
        rollout = found(transaction, rollout_id)
        release = transaction.get(Release, rollout.release)
        if release is None:
            raise UnknownError(f"there is no release {rollout.release}; see: wavetrain release list")
        if rollout.status not in (Status.PLANNED, Status.ANNOUNCED):
            raise TransitionError(
                f"rollout {rollout.id} is {rollout.status.value}; only one that has not departed, and is not paused, "
                "can enter in another way"
            )
        text = refusal(hotfix, scene(transaction, release))
        if text:
            raise RefusedError(f"rollout {rollout.id} stays as it is: {text}")
        if hotfix == rollout.hotfix:
            return rollout
        after: Status = rollout.status
        if after is Status.ANNOUNCED:
            after = rollout_after(rollout.id, after, Cause.REPLAN)
        for kind in (Turn, Wave):
            for record in transaction.find(kind, rollout=rollout.id):
                transaction.remove(record)
        departs = rollout.departs if hotfix.how is How.TRAIN else transaction.now
        made = rollout.changed(
            status=after,
            hotfix=hotfix,
            placed_by=caller.name,
            departs=departs,
            due_since=None,
            wave=0,
            waves=0,
            approvals=tuple(item for item in rollout.approvals if item.kind != "hotfix"),
        )
        made = transaction.put(made)
        said = f"enters in another way: {words(hotfix)}: {reason}"
        tell(transaction, caller, "rollout", rollout.id, said, rollout=rollout.id, how=hotfix.how.value)
    return made


def words(hotfix: Hotfix) -> str:
    """The way in, for people."""
    match hotfix.how:
        case How.RESTART:
            return f"restart at wave {hotfix.wave}"
        case How.AFFECTED:
            return f"affected ({', '.join(hotfix.pops) or 'who runs what it fixes'})"
        case _:
            return hotfix.how.value


def scene(view: View, release: Release | Candidate) -> Scene:
    """What the answer to a way in stands on."""
    fixes = release.fixes
    current = view.get(CurrentPolicy, release.lane)
    rules = policy_of(view, current.digest).succession if current is not None else Succession()
    pops = view.find(Pop) if release.hotfix.how is How.AFFECTED or isinstance(release, Release) else []
    suffix = LANES[release.lane].suffix if release.lane in LANES else ""
    nodes = {node + suffix: pop.id for pop in pops for node in pop.nodes}
    running = {
        nodes[item.node]
        for item in (view.find(Reported) if nodes and fixes else [])
        if item.node in nodes and item.release == fixes
    }
    return Scene(
        number=release.number,
        fixes=fixes,
        lane=release.lane,
        rules=rules,
        base=view.get(Rollout, f"{release.component}-{fixes}") if fixes else None,
        is_withdrawn=bool(fixes) and view.get(Tombstone, f"{release.component}@{fixes}") is not None,
        floor=banned(view, release.component).floor,
        pops={pop.id for pop in pops},
        running=running,
    )
