"""Provider: how does a program ask for features through the OpenFeature SDK?

Needs `openfeature-sdk`, the extra `evaluator`. The targeting key is the account.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from wavetrain.evaluator.evaluator import Evaluator

T = TypeVar("T")

READY_S = 5.0
"""How long the SDK's start waits for the first snapshot."""


class WavetrainProvider(AbstractProvider):
    """Features evaluated in the program itself."""

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__()
        self._evaluator = evaluator

    def get_metadata(self) -> Metadata:
        """The name that the SDK shows."""
        return Metadata(name="wavetrain")

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002
        """Start; without a control plane evaluations give the program's defaults until it is there."""
        self._evaluator.start(READY_S)

    def shutdown(self) -> None:
        """End."""
        self._evaluator.close()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A switch."""
        return self._resolved(flag_key, default_value, evaluation_context, bool)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A text."""
        return self._resolved(flag_key, default_value, evaluation_context, str)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        return self._resolved(flag_key, default_value, evaluation_context, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A number."""
        return self._resolved(flag_key, default_value, evaluation_context, (float, int))

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """A table."""
        return self._resolved(flag_key, default_value, evaluation_context, (dict, list))

    def _resolved(
        self, key: str, default: T, context: EvaluationContext | None, kinds: type | tuple[type, ...]
    ) -> FlagResolutionDetails[T]:
        account = (context.targeting_key if context is not None else None) or ""
        made = self._evaluator.evaluate(key, account, default)
        if made.error_code:
            return FlagResolutionDetails(
                value=default,
                reason=Reason.ERROR,
                error_code=ErrorCode(made.error_code),
                error_message=made.error_text,
            )
        value: Any = made.value
        is_other = not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool)
        if is_other:
            return FlagResolutionDetails(
                value=default,
                reason=Reason.ERROR,
                error_code=ErrorCode.TYPE_MISMATCH,
                error_message=f"feature {key} has values of another kind; ask for that",
            )
        return FlagResolutionDetails(
            value=cast(T, float(value)) if kinds == (float, int) else value,
            reason=Reason(made.reason) if not made.age_s else Reason.STALE,
            variant=made.variant,
            flag_metadata={"why": made.why, "age_s": made.age_s or 0.0},
        )
