"""Bounds: how long does a search for bad input go on?

In the suite: few examples, the same ones each time. In `make fuzz`: WAVETRAIN_FUZZ times as many, new ones each time.
"""

import os
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings

HANG_S = 10.0
"""No single input may take longer, on a busy machine."""


def bounded(examples: int) -> settings:
    """For one property."""
    times = int(os.environ.get("WAVETRAIN_FUZZ", "0"))
    phases = (Phase.explicit, Phase.generate, Phase.shrink) if times else (Phase.explicit, Phase.generate)
    return settings(
        max_examples=examples * max(1, times),
        derandomize=not times,
        database=None,
        deadline=timedelta(seconds=HANG_S),
        phases=phases,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
