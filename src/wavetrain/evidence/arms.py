"""Arms: how much of a bin speaks for the new release, how much for the old one?"""

from collections.abc import Collection
from math import ceil, isfinite

from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import Bin
from wavetrain.evidence.calibration import Calibration
from wavetrain.evidence.preperiod import CAP_RATIO


class ArmCounts(Struct, frozen=True):
    """One metric's bin, split. Exposures are offset-weighted.

    `new_events` and `control_events` are what happened; `new_capped` and `control_capped` what one node is
    allowed to say (capped per node); only the latter enter the likelihood.
    """

    metric: str
    seconds: float
    new_events: float
    new_capped: float
    new_exposure: float
    control_events: float
    control_capped: float
    control_exposure: float

    def __post_init__(self) -> None:
        for field in self.__struct_fields__[1:]:
            value = getattr(self, field)
            if not (isfinite(value) and value >= 0):
                raise RefusedError(
                    f"metric {self.metric}: {field} is {value}; counts are finite and not negative; leave "
                    f"the bin out"
                )


def split(
    metric: str, seen: Bin, new: Collection[str], control: Collection[str], calibration: Calibration
) -> ArmCounts:
    """Both arms of a bin, with offsets and caps applied; nodes in neither set are left out.

    The cap grows with the bin's length over the usual one, and never hides a tenfold of the expected count.
    Raises RefusedError where a node is in both arms.
    """
    both = set(new) & set(control)
    if both:
        raise RefusedError(
            f"metric {metric}: node {min(both)} is in both arms; a node runs one release, name it once"
        )
    weights = dict(calibration.weights)
    usual = calibration.seconds / calibration.bins if calibration.bins else seen.seconds
    cap = ceil(calibration.cap_per_bin * max(1.0, seen.seconds / usual))
    sums = {True: [0.0, 0.0, 0.0], False: [0.0, 0.0, 0.0]}
    for count in seen.nodes:
        is_new = count.node in new
        if count.exposure <= 0 or not (is_new or count.node in control):
            continue
        exposure = count.exposure * weights.get(count.node, 1.0)
        arm = sums[is_new]
        arm[0] += count.events
        arm[1] += min(count.events, max(cap, CAP_RATIO * calibration.rate * exposure))
        arm[2] += exposure
    return ArmCounts(metric, seen.seconds, *sums[True], *sums[False])
