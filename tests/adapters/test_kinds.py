"""Which records a store can keep, and what it says of one that it cannot."""

import importlib
import pkgutil
import re
from typing import ClassVar

import pytest

from wavetrain import model
from wavetrain.adapters.kinds import KINDS, Shape, Shapes
from wavetrain.decide import evidence_kept, evidence_track, feature_evidence, placebo_proof
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import Region
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Wave


def test_every_record_of_the_model_is_kept() -> None:
    names = [f"{model.__name__}.{item.name}" for item in pkgutil.iter_modules(model.__path__)]
    modules = [
        evidence_kept,
        evidence_track,
        feature_evidence,
        placebo_proof,
        *map(importlib.import_module, names),
    ]
    defined = {
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Record) and each is not Record
    }
    assert defined == set(KINDS)


def test_a_shape_types_its_columns() -> None:
    assert Shape(Wave).columns == {"rollout": str, "ordinal": int}
    assert Shape(Rollout).columns == {"id": str, "lane": str, "status": str}


class NoKey(Record, frozen=True, kw_only=True):
    name: str


class ShareKey(Record, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("share",)
    share: float


class FlagIndex(Record, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("name",)
    INDEX: ClassVar[tuple[str, ...]] = ("flag",)
    name: str
    flag: bool


class MaybeIndex(Record, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("name",)
    INDEX: ClassVar[tuple[str, ...]] = ("other",)
    name: str
    other: str | None


class VersionKey(Record, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("version",)


class MissingIndex(Record, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("name",)
    INDEX: ClassVar[tuple[str, ...]] = ("nmae",)
    name: str


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (NoKey, "NoKey has an empty KEY"),
        (ShareKey, "ShareKey.share cannot be"),
        (FlagIndex, "FlagIndex.flag cannot be"),
        (MaybeIndex, "MaybeIndex.other cannot be"),
        (VersionKey, "VersionKey.version cannot be"),
        (MissingIndex, "MissingIndex.nmae cannot be"),
    ],
)
def test_a_kind_that_cannot_be_kept_is_refused_at_once(kind: type[Record], message: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(message)):
        Shapes((kind,))


def test_two_kinds_of_one_name_are_refused() -> None:
    class Region(Record, frozen=True, kw_only=True):
        KEY: ClassVar[tuple[str, ...]] = ("id",)
        id: str

    with pytest.raises(RefusedError, match="same class name"):
        Shapes((Region,))


def test_a_kind_named_twice_is_kept_once() -> None:
    assert len(list(Shapes((Region, Region)))) == len(KINDS)


def test_an_unknown_name_says_where_to_add_it() -> None:
    with pytest.raises(UnknownError, match="does not keep Nothing; name it in KINDS"):
        Shapes().named("Nothing")
