"""Histograms: between which bounds do the quantiles of each histogram lie, of new nodes and of the control?

For people: the checks are judged by rows (`decide.rows`).
"""

from collections.abc import Mapping

import msgspec

from wavetrain.decide.rows import histogram_of
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.bands import Band, band
from wavetrain.evidence.bucket_sums import NOTHING, KeptSums, added, packed, unpacked
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

    def __init__(self, policy: Policy, kept: Mapping[str, KeptSums]) -> None:
        """`kept` are the sums of an earlier process, by check."""
        self._rules = tuple(rule for rule in policy.verdicts.metrics if rule.kind is Kind.HISTOGRAM)
        self._sums = {name: unpacked(item) for name, item in kept.items()}

    def absorb(self, seen: PopCounts, arms: tuple[Mask, Mask]) -> None:
        """One bin of one PoP."""
        for rule in self._rules:
            said = histogram_of(rule, seen)
            if said is not None:
                self._sums[rule.name] = added(self._sums.get(rule.name, NOTHING), said, arms)

    def state(self) -> dict[str, KeptSums]:
        """The sums, as they are kept."""
        return {name: packed(held) for name, held in self._sums.items()}

    def bands(self, check: str, phi: float, alpha: float = 0.05) -> tuple[QuantileBands, ...]:
        """The quantiles of a check whose counts have this dispersion; none where nothing was counted of it."""
        held = self._sums.get(check)
        if held is None or not held.bounds:
            return ()
        bounds = held.bounds
        return tuple(
            QuantileBands(
                quantile,
                *(
                    band(bounds, side[:-1], float(side[-1]), quantile, alpha, max(1.0, phi))
                    for side in held.sums.T
                ),
            )
            for quantile in QUANTILES
        )
