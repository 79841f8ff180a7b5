"""Kinds: which records does a store keep, under which columns?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, PopWatch, RolloutEvidence
from wavetrain.decide.evidence_track import EvidenceTrack
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.decide.placebo_proof import PlaceboProof
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.access import Certificate, Join, Token
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.feature import Feature
from wavetrain.model.feature_choice import FeatureChoice
from wavetrain.model.fleet import (
    Account,
    Cordon,
    Desired,
    Group,
    Pop,
    Quarantine,
    Rebuilt,
    Region,
    Reported,
    Retired,
    Site,
    Visit,
)
from wavetrain.model.ledger import Ledger
from wavetrain.model.login import Login
from wavetrain.model.maintenance import Incident, Maintenance
from wavetrain.model.notice import Channel, Concern, Outgoing, Tenure
from wavetrain.model.policy import CurrentPolicy, PolicyText
from wavetrain.model.receipt import Receipt, Reconnects
from wavetrain.model.record import Record
from wavetrain.model.release import Floor, Release, Tombstone
from wavetrain.model.rollout import Fairness, Rollout, Slot, Timetable, Turn, Wave
from wavetrain.model.standstill import Believed, Standstill
from wavetrain.model.subscription import Dispatch, Heard, Subscription
from wavetrain.model.window import Freeze

KINDS: tuple[type[Record], ...] = (
    Region,
    Pop,
    Group,
    Account,
    Site,
    Reported,
    Desired,
    Cordon,
    Quarantine,
    Retired,
    Rebuilt,
    Visit,
    Release,
    Tombstone,
    PolicyText,
    CurrentPolicy,
    Rollout,
    Wave,
    Turn,
    Timetable,
    Fairness,
    Slot,
    Freeze,
    Feature,
    FeatureEvidence,
    FeatureChoice,
    Token,
    Ledger,
    PopWatch,
    RolloutEvidence,
    PopEvidence,
    PopCalibration,
    EvidenceTrack,
    PlaceboProof,
    Standstill,
    Believed,
    Join,
    Certificate,
    Floor,
    Concern,
    Channel,
    Tenure,
    Outgoing,
    Maintenance,
    Incident,
    Reconnects,
    Receipt,
    Subscription,
    Dispatch,
    Heard,
    AccountSettings,
    Login,
)
"""Every kind that the control plane keeps."""

RESERVED = frozenset({"version", "body"})

Ident = Any
"""What identifies a record within its kind: the value of its only key field, or the tuple of several.

It sorts in key order.
"""


_encode = msgspec.json.Encoder().encode


class Shape:
    """One kind as a store lays it out: typed key and index columns, an identity that sorts, a body."""

    def __init__(self, kind: type[Record]) -> None:
        self.kind = kind
        self.name = kind.__name__
        self.key = kind.KEY
        self.columns = _columns(kind)
        self.ident: Callable[[Record], Ident] = attrgetter(*kind.KEY)
        self.index = tuple(name for name in self.columns if (name,) != kind.KEY)
        """The columns that records are looked up by, beside the whole key."""
        self._is_plain = len(kind.KEY) == 1 and self.columns[kind.KEY[0]] is str
        self.decode: Callable[[bytes | str], Any] = msgspec.json.Decoder(kind).decode
        """The record that a body holds; `msgspec.ValidationError` if it holds none."""

    def parsed(self, key: tuple[str, ...]) -> Ident | None:
        """The identity that a key given as text stands for; None when no record can have it."""
        if self._is_plain and len(key) == 1:
            return key[0]
        if len(key) != len(self.key):
            raise UnknownError(
                f"{self.name} is kept under {', '.join(self.key)}, but {len(key)} values were given: {key}; "
                f"give exactly {len(self.key)}"
            )
        values: list[str | int] = []
        for name, text in zip(self.key, key, strict=True):
            if self.columns[name] is int:
                number = _number(text)
                if number is None:
                    return None
                values.append(number)
            else:
                values.append(text)
        return values[0] if len(values) == 1 else tuple(values)

    def checked(self, equal: Mapping[str, str | int]) -> None:
        """Refuse fields that this kind is not looked up by, and values of another type than theirs."""
        for name, value in equal.items():
            known = self.columns.get(name)
            if known is None:
                raise UnknownError(
                    f"{self.name} cannot be looked up by {name}; its key and index fields are "
                    f"{', '.join(self.columns)}: use these, or add {name} to its INDEX"
                )
            if not isinstance(value, known):
                raise UnknownError(
                    f"{self.name}.{name} holds {known.__name__}, but {value!r} is {type(value).__name__}; "
                    f"look it up by {known.__name__}"
                )

    def kept(self, record: Record) -> tuple[bytes, Record]:
        """The body that holds the record, with what is read from it; `RefusedError` where that would be nothing."""
        body = _encode(record)
        try:
            again: Record = self.decode(body)
        except msgspec.ValidationError as error:
            raise RefusedError(
                f"{self.name} {'/'.join(record.key)} could not be read again once kept ({error}); "
                f"give every field a finite value of its declared type"
            ) from error
        return body, again


class Shapes:
    """The shapes of all kinds that one store keeps."""

    def __init__(self, extra: Iterable[type[Record]] = ()) -> None:
        kinds = tuple(dict.fromkeys((*KINDS, *extra)))
        self._of = {kind: Shape(kind) for kind in kinds}
        self._named = {shape.name: shape for shape in self._of.values()}
        if len(self._named) != len(kinds):
            raise RefusedError("two kinds of record have the same class name; give each its own")

    def of(self, kind: type[Record]) -> Shape:
        """The shape of a kind; `UnknownError` if the store does not keep it."""
        shape = self._of.get(kind)
        if shape is None:
            raise UnknownError(
                f"this store does not keep {kind.__name__}; name it in KINDS or as one of its extra kinds"
            )
        return shape

    def named(self, name: str) -> Shape:
        """The shape of the kind with this class name."""
        shape = self._named.get(name)
        if shape is None:
            raise UnknownError(
                f"this store does not keep {name}; name it in KINDS or as one of its extra kinds"
            )
        return shape

    def __iter__(self) -> Iterator[Shape]:
        return iter(self._of.values())


def _columns(kind: type[Record]) -> dict[str, type]:
    """Key then index fields, each with the type of its column: text or a whole number."""
    if not kind.KEY:
        raise RefusedError(f"{kind.__name__} has an empty KEY; name the fields that identify it")
    hints = get_type_hints(kind)
    columns: dict[str, type] = {}
    for name in dict.fromkeys((*kind.KEY, *kind.INDEX)):
        hint: Any = hints.get(name)
        while hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        held = next((each for each in (str, int) if isinstance(hint, type) and issubclass(hint, each)), None)
        if held is None or hint is bool or name in RESERVED:
            raise RefusedError(
                f"{kind.__name__}.{name} cannot be a key or index field; "
                f"these hold text or whole numbers, and are not called {' or '.join(sorted(RESERVED))}"
            )
        columns[name] = held
    return columns


def _number(text: str) -> int | None:
    """The whole number that is written exactly so."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text else None
