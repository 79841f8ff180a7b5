"""Plan file: JSON text to the plan of a train, as `train plan -o` writes it."""

import msgspec

from wavetrain.control.trains import PlanSeen
from wavetrain.errors import RefusedError

PLAN_BYTES_MAX = 64 * 1024 * 1024


def write_plan(plan: PlanSeen) -> bytes:
    """The plan as JSON."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n"


def read_plan(content: bytes, name: str = "plan file") -> PlanSeen:
    """The plan; `RefusedError` with the place of what is wrong."""
    if len(content) > PLAN_BYTES_MAX:
        raise RefusedError(
            f"{name} is larger than {PLAN_BYTES_MAX} bytes; name a file that `train plan -o` wrote"
        )
    try:
        return msgspec.json.decode(content, type=PlanSeen)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RefusedError(f"{name} is no plan: {error}; name a file that `train plan -o` wrote") from None
