"""Prerequisites: in which order can features be told, and does any of them wait for itself?"""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from wavetrain.errors import RefusedError
from wavetrain.model.feature import Feature, FeatureKey


def order(features: Iterable[Feature]) -> tuple[FeatureKey, ...]:
    """Every feature after those that it needs, otherwise by key.

    `RefusedError` for one that needs what is not there, or, over others, itself.
    """
    known: Mapping[FeatureKey, Feature] = {one.id: one for one in sorted(features, key=lambda one: one.id)}
    for one in known.values():
        for needed in one.needs.features:
            if needed not in known:
                raise RefusedError(
                    f"feature {one.id} needs feature {needed[:80]}, which is not there; add that one first, or in the "
                    "same file"
                )
    try:
        return tuple(
            TopologicalSorter({key: one.needs.features for key, one in known.items()}).static_order()
        )
    except CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise RefusedError(f"features wait for each other: {circle}; take one of these needs out") from None
