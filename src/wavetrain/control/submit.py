"""Submit: a release enters, with its bytes."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from wavetrain.control.bans import banned
from wavetrain.control.chronicle import tell
from wavetrain.control.hotfixes import scene, words
from wavetrain.control.ports import Artifacts, Store, View
from wavetrain.decide.admission import DIGEST, Admission, Candidate, Entrance, admit
from wavetrain.decide.entry import refusal
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.model.hotfix import How
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.release import ARTIFACT_BYTES_MAX, Release, Stage, Tombstone


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The release as kept, and what became of the request."""

    release: Release
    is_new: bool
    text: str


def keep(artifacts: Artifacts, caller: Caller, digest: str, chunks: Iterable[bytes]) -> int:
    """Keep an artifact's bytes under their digest; how many there were."""
    require(caller, Act.SUBMIT)
    if not DIGEST.fullmatch(digest):
        raise RefusedError(f"`{digest[:80]}` is not a SHA-256; give 64 lower-case hex digits")
    return artifacts.put(digest, chunks, ARTIFACT_BYTES_MAX)


def submit(store: Store, artifacts: Artifacts, caller: Caller, candidate: Candidate) -> Submitted:
    """Let a candidate in, or raise `RefusedError` with the rule that it breaks.

    The same bytes again change nothing, except that they may bring the results of further gates.
    """
    require(caller, Act.SUBMIT)
    path = artifacts.path(candidate.digest) if DIGEST.fullmatch(candidate.digest) else None
    size_found = Path(path).stat().st_size if path is not None else None
    with store.write() as transaction:
        known = transaction.get(Release, candidate.id)
        admission = _admission(transaction, candidate, known, size_found)
        if admission.entrance is Entrance.REFUSED:
            raise RefusedError(admission.reason)
        if known is None:
            made = Release(
                id=candidate.id,
                component=candidate.component,
                number=candidate.number,
                lane=candidate.lane,
                digest=candidate.digest,
                size=candidate.size,
                stage=Stage.CANDIDATE,
                submitted_at=transaction.now,
                submitted_by=caller.name,
                gates=candidate.gates,
                fixes=candidate.fixes,
                urgency=candidate.urgency,
                notes=candidate.notes,
                hotfix=candidate.hotfix,
                news=candidate.news,
            )
        elif known.stage is Stage.CANDIDATE and candidate.gates.items() - known.gates.items():
            made = known.changed(gates={**known.gates, **candidate.gates})
        else:
            return Submitted(release=known, is_new=False, text=admission.reason)
        made = transaction.put(made)
        said = ", ".join(f"{gate} {'passed' if passed else 'failed'}" for gate, passed in made.gates.items())
        enters = f"; hotfix: {words(made.hotfix)}" if made.hotfix.how is not How.TRAIN else ""
        text = f"{admission.reason}; gates: {said or 'none'}{enters}"
        tell(transaction, caller, "release", made.id, text, digest=made.digest, size=made.size)
    return Submitted(release=made, is_new=known is None, text=text)


def _admission(view: View, candidate: Candidate, known: Release | None, size_found: int | None) -> Admission:
    of_component = (item for item in view.find(Release) if item.component == candidate.component)
    return admit(
        candidate,
        known=known,
        is_tombstoned=view.get(Tombstone, candidate.id) is not None,
        floor=banned(view, candidate.component).floor,
        has_policy=view.get(CurrentPolicy, candidate.lane) is not None,
        size_found=size_found,
        numbers=frozenset(item.number for item in of_component if item.id != candidate.id),
        entry=refusal(candidate.hotfix, scene(view, candidate)),
    )
