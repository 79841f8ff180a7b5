"""Impact: what does a stretch of work on a PoP do to each site that uses it?

The four words are MAINTNOTE's (BCOP draft 0.1); the seconds are those that readiness predicts.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from wavetrain.decide.readiness import MOVED_S, Inspection
from wavetrain.model.fleet import PopId, Serves, Site


class Impact(StrEnum):
    """From nothing to the worst."""

    NONE = "NO-IMPACT"
    REDUCED = "REDUCED-REDUNDANCY"
    DEGRADED = "DEGRADED"
    OUTAGE = "OUTAGE"


ORDER = {impact: at for at, impact in enumerate(Impact)}


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """A site, and what it has to expect: seconds without an answer, at least and at most."""

    site: str
    role: str
    """`primary` or `secondary`: what the PoP is to it."""
    impact: Impact
    least_s: float
    most_s: float
    why: str = ""
    """What makes it worse than a move within the PoP."""


def of_sites(sites: Iterable[Site], pop: PopId, serves: Serves, inspection: Inspection) -> list[Touched]:
    """Every site that uses the PoP, the worst first."""
    if serves is not Serves.EDGE:
        return []
    found = [
        _primary(site, inspection)
        if site.primary == pop
        else Touched(site=site.id, role="secondary", impact=Impact.REDUCED, least_s=0.0, most_s=0.0)
        for site in sites
        if pop in (site.primary, site.secondary)
    ]
    return sorted(found, key=lambda one: (-ORDER[one.impact], -one.most_s, one.site))


def worst(touched: Iterable[Touched]) -> Impact:
    """Of all of them; nothing touched is nothing felt."""
    return max((one.impact for one in touched), key=ORDER.__getitem__, default=Impact.NONE)


def _primary(site: Site, inspection: Inspection) -> Touched:
    cases = inspection.cases(site)
    if not cases:
        return Touched(
            site=site.id, role="primary", impact=Impact.DEGRADED, least_s=MOVED_S[0], most_s=MOVED_S[1]
        )
    case = cases[0]
    is_long = case.most_s > MOVED_S[1]
    return Touched(
        site=site.id,
        role="primary",
        impact=Impact.OUTAGE if is_long else Impact.DEGRADED,
        least_s=case.least_s,
        most_s=case.most_s,
        why=case.finding.value,
    )
