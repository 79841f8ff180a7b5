"""Histograms: between which bounds do the quantiles of each histogram lie, of new nodes and of the control?

For people: the checks are judged by rows (`decide.rows`).
"""

from collections.abc import Mapping

import msgspec

from wavetrain.decide.rows import histogram_of
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.bands import Band, band
from wavetrain.evidence.bucket_sums import BucketSums, added
from wavetrain.evidence.edges import QUANTILES
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Kind, Policy


class QuantileBands(msgspec.Struct, frozen=True):
    """One quantile in both arms, each band true but for one time in `1 / alpha`."""

    quantile: float
    new: Band
    control: Band


class Histograms:
    """The histograms of one rollout, all its PoPs together. Changes in place."""

    def __init__(self, policy: Policy, kept: Mapping[str, BucketSums]) -> None:
        """`kept` are the sums of an earlier process, by check."""
        self._rules = tuple(rule for rule in policy.verdicts.metrics if rule.kind is Kind.HISTOGRAM)
        self.sums: dict[str, BucketSums] = dict(kept)

    def absorb(self, seen: PopCounts, arms: tuple[Mask, Mask]) -> None:
        """One bin of one PoP."""
        for rule in self._rules:
            said = histogram_of(rule, seen)
            if said is not None:
                held = self.sums.get(rule.name, BucketSums())
                self.sums = {**self.sums, rule.name: added(held, said, arms)}

    def bands(self, check: str, phi: float, alpha: float = 0.05) -> tuple[QuantileBands, ...]:
        """The quantiles of a check whose counts have this dispersion; none where nothing was counted of it."""
        held = self.sums.get(check)
        if held is None or not held.bounds:
            return ()
        bounds, sums = held.bounds, held.arrays()
        return tuple(
            QuantileBands(
                quantile,
                *(band(bounds, side[:-1], float(side[-1]), quantile, alpha, max(1.0, phi)) for side in sums),
            )
            for quantile in QUANTILES
        )
