"""Policies: which rules are new rollouts of a lane pinned to?"""

import hashlib

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import policy_of
from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Pop
from wavetrain.model.lane import LANES
from wavetrain.model.policy import Announce, CurrentPolicy, Policy, PolicyText


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's digest, and whether it was another one before."""

    lane: str
    digest: str
    is_new: bool


def digest_of(policy: Policy) -> str:
    """SHA-256 over the policy in a canonical form, in hex.

    What it says of notices counts where it is not the default: a policy of before there were any keeps its name.
    """
    said = msgspec.to_builtins(policy, order="deterministic")
    if policy.announce == Announce():
        del said["announce"]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def check(store: Store, caller: Caller, policy: Policy) -> Applied:
    """What applying the policy would do; raises what `apply` would raise."""
    require(caller, Act.READ)
    with store.read() as view:
        return _applied(view, policy)


def apply(store: Store, caller: Caller, policy: Policy) -> Applied:
    """Pin new rollouts of its lane to the policy; rollouts under way keep theirs."""
    require(caller, Act.RULE)
    with store.write() as transaction:
        applied = _applied(transaction, policy)
        if not applied.is_new:
            return applied
        if transaction.get(PolicyText, applied.digest) is None:
            transaction.put(
                PolicyText(digest=applied.digest, lane=policy.lane, policy=policy, by=caller.name)
            )
        known = transaction.get(CurrentPolicy, policy.lane)
        version = known.version if known is not None else 0
        transaction.put(CurrentPolicy(lane=policy.lane, digest=applied.digest, version=version))
        rings = ", ".join(ring.name for ring in policy.rings)
        text = f"lane {policy.lane} is ruled by policy {applied.digest[:12]}: rings {rings}"
        tell(transaction, caller, "policy", policy.lane, text, digest=applied.digest)
    return applied


def current(store: Store, caller: Caller) -> dict[str, Policy]:
    """The policy of each lane that has one."""
    require(caller, Act.READ)
    with store.read() as view:
        return {item.lane: policy_of(view, item.digest) for item in view.find(CurrentPolicy)}


def _applied(view: View, policy: Policy) -> Applied:
    for ring in policy.rings:
        for pop in ring.pops:
            found = view.get(Pop, pop)
            if found is None:
                raise RefusedError(
                    f"ring {ring.name} names PoP {pop}, which the fleet does not have; "
                    "correct the name, or apply a fleet that has it"
                )
            if found.serves is not LANES[policy.lane].serves:
                raise RefusedError(
                    f"ring {ring.name} names PoP {pop}, which serves {found.serves.value}; lane {policy.lane} moves "
                    f"places that serve {LANES[policy.lane].serves.value}: name one of those"
                )
    known = view.get(CurrentPolicy, policy.lane)
    digest = digest_of(policy)
    return Applied(lane=policy.lane, digest=digest, is_new=known is None or known.digest != digest)
