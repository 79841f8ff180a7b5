"""Release file: a manifest in TOML or JSON to the candidate that asks to enter."""

from typing import Annotated

import msgspec

from wavetrain.decide.admission import Candidate
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import PopId
from wavetrain.model.hotfix import HOTFIX_POPS_MAX, Hotfix, How
from wavetrain.model.lane import LANES
from wavetrain.model.release import ARTIFACT_BYTES_MAX, Urgency
from wavetrain.wire.faults import Faults
from wavetrain.wire.toml_table import TEXT_CHARACTERS_MAX, Table, open_table

MANIFEST_BYTES_MAX = 256 * 1024
GATES_MAX = 100
WAVES_MAX = 10_000


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the release enters while an older one of its component is under way."""

    how: How = How.TRAIN
    wave: Annotated[int, msgspec.Meta(ge=0, le=WAVES_MAX)] = 0
    pops: Annotated[tuple[str, ...], msgspec.Meta(max_length=HOTFIX_POPS_MAX)] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a manifest may say, as documents show it; `read_release` reads it and says every fault at once."""

    component: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    number: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z][0-9A-Za-z.+-]{0,62}$")]
    lane: str
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, msgspec.Meta(ge=0, le=ARTIFACT_BYTES_MAX)]
    gates: Annotated[dict[str, bool], msgspec.Meta(max_length=GATES_MAX)] = {}
    fixes: Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX)] = ""
    urgency: Urgency = Urgency.ROUTINE
    notes: Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX * 20)] = ""
    hotfix: Way = Way()
    news: Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX * 20)] = ""


def read_release(
    text: str, name: str = "release manifest", *, digest: str | None = None, size: int | None = None
) -> Candidate:
    """The candidate that the text says; JSON when it begins with a brace, else TOML.

    `digest` and `size` are those of an artifact at hand: they fill in what the manifest leaves out, and a manifest
    that says otherwise is refused.
    """
    top = _open(text, name)
    candidate = Candidate(
        component=top.name("component"),
        number=top.text("number"),
        lane=top.one_of("lane", sorted(LANES)),
        digest=_digest(top, digest),
        size=_size(top, size),
        gates=top.flags("gates", GATES_MAX),
        fixes=top.text("fixes", ""),
        urgency=Urgency(top.one_of("urgency", [way.value for way in Urgency], "routine") or "routine"),
        notes=top.text("notes", "", long=True),
        hotfix=_hotfix(top.table("hotfix")),
        news=top.text("news", "", long=True),
    )
    top.end()
    top.faults.refuse()
    return candidate


def _open(text: str, name: str) -> Table:
    if len(text.encode()) > MANIFEST_BYTES_MAX:
        raise RefusedError(f"{name} is larger than {MANIFEST_BYTES_MAX} bytes; shorten its notes")
    if not text.lstrip().startswith("{"):
        return open_table(text, name)
    try:
        values = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RefusedError(f"{name} is not JSON: {error}; correct it") from None
    except RecursionError:
        raise RefusedError(f"{name} is nested too deeply; write plain JSON") from None
    return Table(values, Faults(name))


def _hotfix(table: Table) -> Hotfix:
    how = table.one_of("how", [way.value for way in How], How.TRAIN.value) or How.TRAIN.value
    wave = table.whole("wave", 0, WAVES_MAX, 0)
    pops = table.names("pops", ())
    if len(pops) > HOTFIX_POPS_MAX:
        table.fault("pops", f"there are {len(pops)} of them", f"give at most {HOTFIX_POPS_MAX}")
    table.end()
    return Hotfix(how=How(how), wave=wave, pops=tuple(dict.fromkeys(PopId(pop) for pop in pops)))


def _digest(top: Table, found: str | None) -> str:
    digest = top.text("digest", found if found is not None else "")
    if found is not None and digest != found:
        top.fault(
            "digest",
            f"it says {digest}, but the artifact's SHA-256 is {found}",
            "take the artifact that was built, or correct the manifest",
        )
    return digest


def _size(top: Table, found: int | None) -> int:
    size = top.whole("size", 0, ARTIFACT_BYTES_MAX, found if found is not None else 0)
    if found is not None and size != found:
        top.fault("size", f"it says {size}, but the artifact has {found} bytes", "correct the manifest")
    return size
