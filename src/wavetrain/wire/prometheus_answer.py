"""Prometheus answer: what does a source say that speaks Prometheus' HTTP API?

Prometheus itself, VictoriaMetrics, Thanos and Mimir answer alike. What is only part of an answer, by whichever of
their words, is refused as a whole: nobody can tell what is missing from it.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from wavetrain.decide.plain_line import plain_line
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.health import Trouble
from wavetrain.wire.json_message import read_message

SERIES_MAX = 200_000
WHAT = "the source's answer"
SAID_CHARACTERS = 300


class FaultyError(UnreachableError):
    """The source did not answer, or not in a way that can be believed; `trouble` says of which kind."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


class Spread(NamedTuple):
    """A native histogram at one instant: how many observations, and how many of them over `left` up to `right`."""

    total: float
    buckets: tuple[tuple[float, float, float], ...]


class Series(NamedTuple):
    """Raw samples of one set of labels, oldest first, each with its instant on the source's clock."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]
    spreads: Sequence[tuple[float, Spread]]


class _Histogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: str
    sum: str
    buckets: tuple[tuple[int, str, str, str], ...] = ()


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    histograms: list[tuple[float, _Histogram]] = []


class _Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Matrix(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="matrix", tag_field="resultType"):
    result: list[_Row]


class _Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="vector", tag_field="resultType"):
    result: list[_Point]


class _Scalar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="scalar", tag_field="resultType"):
    result: tuple[float, str]


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`isPartial`, `stats` and `trace` are VictoriaMetrics', `analysis` is Thanos'."""

    status: Literal["success"]
    data: _Matrix | _Vector | _Scalar
    warnings: list[str] = []
    infos: list[str] = []
    is_partial: bool = False
    stats: Any = None
    trace: Any = None
    analysis: Any = None


class _Refusal(msgspec.Struct, frozen=True, rename="camel"):
    error: str
    error_type: str = ""


def series_of(body: bytes) -> list[Series]:
    """The raw samples that were asked for. Raises `FaultyError`."""
    data = _data(body)
    if not isinstance(data, _Matrix):
        raise FaultyError(Trouble.UNREADABLE, f"{WHAT}: at $.data: it is no matrix of raw samples")
    if len(data.result) > SERIES_MAX:
        raise FaultyError(
            Trouble.UNREADABLE, f"{WHAT} has {len(data.result)} series; {SERIES_MAX} at most are read"
        )
    return [_series(row, number) for number, row in enumerate(data.result)]


def instant_of(body: bytes) -> float:
    """The one number that was asked for. Raises `FaultyError`."""
    data = _data(body)
    if isinstance(data, _Scalar):
        return _number(data.result[1], "$.data.result[1]")
    if isinstance(data, _Vector) and len(data.result) == 1:
        return _number(data.result[0].value[1], "$.data.result[0].value[1]")
    raise FaultyError(Trouble.UNREADABLE, f"{WHAT}: at $.data: it is no number")


def refusal_of(body: bytes) -> str:
    """What a source says for which reason it does not answer, in one line; nothing where it says none."""
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return plain_line(f"{said.error_type}: {said.error}" if said.error_type else said.error, SAID_CHARACTERS)


def _data(body: bytes) -> _Matrix | _Vector | _Scalar:
    try:
        answer = read_message(body, _Answer, WHAT)
    except RefusedError as error:
        said = str(error).partition("; ")[0]
        raise FaultyError(Trouble.UNREADABLE, plain_line(said, SAID_CHARACTERS)) from None
    if answer.warnings or answer.is_partial:
        said = plain_line(answer.warnings[0], SAID_CHARACTERS) if answer.warnings else "isPartial"
        raise FaultyError(Trouble.PARTIAL, f"{WHAT} may be only a part: {said}")
    return answer.data


def _series(row: _Row, number: int) -> Series:
    place = f"$.data.result[{number}]"
    samples = [(at, _number(text, f"{place}.values")) for at, text in row.values]
    spreads = [(at, _spread(item, f"{place}.histograms")) for at, item in row.histograms]
    for instants in ([at for at, _ in samples], [at for at, _ in spreads]):
        if any(later < earlier for earlier, later in itertools.pairwise(instants)):
            raise FaultyError(Trouble.CLOCK, f"{WHAT}: at {place}: its samples go back in time")
    return Series(row.metric, samples, spreads)


def _spread(item: _Histogram, place: str) -> Spread:
    buckets = [
        (_number(left, place), _number(right, place), _number(count, place))
        for _, left, right, count in item.buckets
    ]
    if any(not left <= right or not count >= 0 for left, right, count in buckets):
        raise FaultyError(Trouble.UNREADABLE, f"{WHAT}: at {place}: a bucket counts nothing")
    return Spread(_number(item.count, place), tuple(buckets))


def _number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        said = plain_line(text, 40)
        raise FaultyError(Trouble.UNREADABLE, f"{WHAT}: at {place}: {said} is no number") from None
