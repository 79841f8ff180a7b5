"""The track of a rollout's evidence stays small, keeps its peaks and ends with the newest point."""

import numpy as np
import pytest

from wavetrain.decide.evidence_track import POINTS_MAX, EvidenceTrack, noted, points
from wavetrain.errors import RefusedError


def test_what_is_noted_is_found_again() -> None:
    track = noted(EvidenceTrack(rollout="r", metrics=("a", "b")), 10.0, 1.5, (2.0, -1.0))
    times, values = points(noted(track, 11.0, 2.5, (3.0, -2.0)))
    assert times.tolist() == [10.0, 11.0]
    assert values.tolist() == [[1.5, 2.0, -1.0], [2.5, 3.0, -2.0]]


def test_a_long_track_keeps_its_peaks_its_order_and_its_newest_point() -> None:
    track = EvidenceTrack(rollout="r", metrics=("a",))
    for second in range(5_000):
        track = noted(track, float(second), 6.0 if second == 1_234 else 0.0, (float(second),))
        assert len(points(track)[0]) <= POINTS_MAX
    times, values = points(track)
    assert times[-1] == 4_999.0
    assert values[:, 0].max() == 6.0
    assert 0 <= times[int(np.argmax(values[:, 0]))] - 1_234 < 16, "a point stands for 16 looks by then"
    assert (np.diff(times) > 0).all()


def test_a_point_with_other_checks_is_refused() -> None:
    with pytest.raises(RefusedError, match="2 values for 1 checks"):
        noted(EvidenceTrack(rollout="r", metrics=("a",)), 1.0, 0.0, (1.0, 2.0))
