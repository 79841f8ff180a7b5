"""OFREP messages: what do programs ask, and what are they told, by the OpenFeature Remote Evaluation Protocol 0.3?"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from wavetrain.decide.activation import Why, value_of
from wavetrain.model.feature import Feature

EVENTS: Final = "/ofrep/v1/events"
"""Where changes are told."""
BODY_BYTES_MAX = 64 * 1024
KEY_CHARACTERS_MAX = 200
"""Of a targeting key: the id of an account."""


class Code(StrEnum):
    """Why there is no evaluation."""

    PARSE_ERROR = "PARSE_ERROR"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    GENERAL = "GENERAL"


class Reason(StrEnum):
    """Why a value is what it is; the protocol has no others, and official clients fail on one that they do not know."""

    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"


REASONS: Final = {
    Why.EVERYWHERE: Reason.STATIC,
    Why.ANNOUNCED: Reason.STATIC,
    Why.ITS_TURN: Reason.SPLIT,
    Why.NOT_YET: Reason.SPLIT,
    Why.OFF: Reason.DISABLED,
    Why.EARLY: Reason.TARGETING_MATCH,
    Why.HELD: Reason.TARGETING_MATCH,
    Why.UNCOVERED: Reason.TARGETING_MATCH,
    Why.NOT_LICENSED: Reason.TARGETING_MATCH,
    Why.WAITS: Reason.TARGETING_MATCH,
}


class Context(msgspec.Struct, frozen=True, gc=False):
    """Of whom a program asks; whatever else it says is taken and not looked at."""

    targeting_key: str = msgspec.field(name="targetingKey")


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request, as most are."""

    context: Context


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A feature's evaluation: value, reason and variant are always there."""

    key: str
    value: Any
    reason: Reason
    variant: str
    metadata: dict[str, str]


class Failed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is none; the key is that of the one feature that was asked for."""

    key: str | msgspec.UnsetType = msgspec.UNSET
    errorCode: Code  # noqa: N815 (the protocol's name)
    errorDetails: str  # noqa: N815


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a request or with us, where it is no evaluation's own error."""

    errorDetails: str  # noqa: N815


class Refetch(msgspec.Struct, frozen=True, kw_only=True):
    """An event: what was evaluated may have changed. A program sends `etag` back as `flagConfigEtag`."""

    type: Literal["refetchEvaluation"] = "refetchEvaluation"
    etag: str


class NoEvaluationError(Exception):
    """A request that cannot be evaluated, by the protocol's own code."""

    def __init__(self, code: Code, text: str) -> None:
        self.code = code
        super().__init__(text)


_decode: Final[Callable[[bytes], Asked]] = msgspec.json.Decoder(Asked).decode


def account_of(body: bytes) -> str:
    """The account that a request asks for. Raises `NoEvaluationError`."""
    try:
        key = _decode(body).context.targeting_key
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _because(body, error) from None
    if not 0 < len(key) <= KEY_CHARACTERS_MAX:
        if not key:
            raise _missing()
        raise NoEvaluationError(
            Code.INVALID_CONTEXT,
            f"the targetingKey has {len(key)} characters, {KEY_CHARACTERS_MAX} at most; send an account's id",
        )
    return key


def told(feature: Feature, why: Why) -> bytes:
    """A feature's evaluation as JSON."""
    variant, value = value_of(feature, why)
    return msgspec.json.encode(
        Told(
            key=feature.id,
            value=float(value) if feature.kind == "number" else value,
            reason=REASONS[why],
            variant=variant,
            metadata={"why": why.value},
        )
    )


def _because(body: bytes, error: Exception) -> NoEvaluationError:
    """What is wrong with a body that is no request."""
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NoEvaluationError(
            Code.PARSE_ERROR,
            f'the body is not JSON: {error}; send {{"context": {{"targetingKey": "ACCOUNT"}}}}',
        )
    if not isinstance(whole, dict):
        return NoEvaluationError(
            Code.PARSE_ERROR, 'the body is no JSON object; send {"context": {"targetingKey": "ACCOUNT"}}'
        )
    context = whole.get("context")
    if context is None:
        return _missing()
    if not isinstance(context, dict):
        return NoEvaluationError(
            Code.INVALID_CONTEXT, "the context is no object; send one with a targetingKey"
        )
    if context.get("targetingKey") is None:
        return _missing()
    return NoEvaluationError(Code.INVALID_CONTEXT, "the targetingKey is no text; send an account's id")


def _missing() -> NoEvaluationError:
    return NoEvaluationError(
        Code.TARGETING_KEY_MISSING,
        "the context has no targetingKey; send the id of the account that is asked for",
    )
