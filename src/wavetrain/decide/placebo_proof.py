"""Placebo proof: what did placebo trains on this fleet certify of a policy's promise?"""

from datetime import datetime
from typing import ClassVar

from wavetrain.evidence.budget import log_threshold
from wavetrain.evidence.placebo import Lock
from wavetrain.model.policy import Verdicts
from wavetrain.model.record import Record


class PlaceboProof(Record, frozen=True, kw_only=True):
    """The newest placebo trains under one policy; a fact of the past that later ones take the place of."""

    KEY: ClassVar[tuple[str, ...]] = ("policy",)
    policy: str
    """The digest of its text."""
    made_at: datetime
    pops: tuple[str, ...]
    """Where they ran."""
    train_s: float
    """How long each took."""
    trains: int
    effective: int
    """Independent ones among them: blocks of time."""
    over: int
    """How many came to log(1 / alpha): each would have been a false rollback."""
    certified: float
    """The smallest alpha that so many blocks can certify."""
    threshold: float | None
    """The log E from which a fail keeps the promise by these trains; None where they are too few to tell."""
    is_extrapolated: bool = False

    def text(self, alpha: float) -> str:
        """For people: what ran, and what it says of a promise at alpha."""
        ran = f"{self.trains} placebo trains in {self.effective} independent blocks of {self.train_s / 3600:g} h"
        said = f"they certify an alpha of {self.certified:.2g} at best; the policy promises {alpha:g}"
        return f"{ran}, {self.over} of them falsely stopped; {said}"


def proof_of(
    policy: str, lock: Lock, made_at: datetime, pops: tuple[str, ...], train_s: float
) -> PlaceboProof:
    """The record of what placebo trains under a policy came to."""
    return PlaceboProof(
        policy=policy,
        made_at=made_at,
        pops=pops,
        train_s=train_s,
        trains=lock.trains,
        effective=lock.effective,
        over=lock.over,
        certified=lock.certified,
        threshold=lock.threshold,
        is_extrapolated=lock.is_extrapolated,
    )


def is_better(new: PlaceboProof, known: PlaceboProof | None) -> bool:
    """Whether it takes the place of what is known: it stands on no fewer blocks, or one of its trains was stopped."""
    return known is None or new.effective >= known.effective or new.over > known.over


def certified(proof: PlaceboProof | None, verdicts: Verdicts) -> float | None:
    """The smallest alpha that may be promised at the test's own threshold; None where no train has run.

    Where the trains ask for a threshold that is higher than the test's own, or cannot tell one, they certify nothing:
    that is an alpha of 1, whatever their number.
    """
    if proof is None:
        return None
    if proof.certified > verdicts.alpha:
        return proof.certified
    if proof.threshold is None or proof.is_extrapolated:
        return 1.0
    return proof.certified if proof.threshold <= log_threshold(verdicts.alpha) else 1.0
