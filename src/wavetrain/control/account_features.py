"""Account features: how does each feature stand for an account, and from when does the account have it?"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from wavetrain.control import forecast, store_clock
from wavetrain.control.forecast import Coming
from wavetrain.control.pop_runs import PopRuns
from wavetrain.control.ports import Store, View
from wavetrain.decide import activation, choosing, cohort, coverage, entitlement, prospects
from wavetrain.decide.activation import Sheet, Standing
from wavetrain.decide.coverage import VISIT_DAYS
from wavetrain.decide.entitlement import Facts
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.decide.prospects import Dates, Gap, Seen
from wavetrain.errors import UnknownError
from wavetrain.model.feature import Feature, FeatureKey
from wavetrain.model.feature_choice import FeatureChoice
from wavetrain.model.fleet import Account, Pop, PopId, Site, Visit
from wavetrain.model.release import is_older

Comes = Callable[[View, Collection[PopId]], Sequence[Coming]]
"""What rollouts under way bring to some PoPs."""


class FeatureFor(msgspec.Struct, frozen=True, kw_only=True):
    """One feature, for one account."""

    feature: FeatureKey
    summary: str
    status: str
    """`available`, `available early`, `rolling out`, `announced`, `deferred`, `given back`, `held` or `off`."""
    is_on: bool
    why: str
    early: str
    """Whether it may be had early: `no`, `later`, `open`, `opted in`, or `over` when its turn has come by itself."""
    earliest: datetime | None
    latest: datetime | None
    """From when on the account has it, at the earliest and at the latest; None where nobody can say."""
    moved: tuple[str, ...]
    """What has moved these dates."""
    waits: tuple[str, ...]
    """What is not there yet."""
    defer_limit: datetime | None
    """Until when the account may put it off."""
    notes: tuple[str, ...]


class AccountSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An account, and every feature that is announced."""

    account: str
    now: datetime
    pops: tuple[PopId, ...]
    """Those of its sites."""
    visited: tuple[PopId, ...]
    """Others that it used of late."""
    features: tuple[FeatureFor, ...]


def seen(store: Store, caller: Caller, account: str) -> AccountSeen:
    """Every feature that is announced, for one account; an account may ask for itself."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    with store.read() as view:
        require_known(view, account)
        picture = _Picture(view, account)
        return AccountSeen(
            account=account,
            now=view.now,
            pops=tuple(picture.homes),
            visited=tuple(picture.visits),
            features=tuple(picture.told(one) for one in picture.sheet.features),
        )


def of_account(view: View, account: str, comes: Comes = forecast.coming) -> tuple[FeatureFor, ...]:
    """All of them, for other answers about the account."""
    picture = _Picture(view, account, comes)
    return tuple(picture.told(one) for one in picture.sheet.features)


def of_feature(view: View, account: str, key: FeatureKey) -> FeatureFor:
    """One of them."""
    picture = _Picture(view, account)
    return picture.told(picture.sheet.features[picture.sheet.places[key]])


def require_known(view: View, account: str) -> None:
    """`UnknownError` for an account that the fleet does not have."""
    if view.get(Account, account) is None and not view.find(Site, account=account):
        raise UnknownError(
            f"there is no account {account[:120]}; see: wavetrain fleet show, or correct its id"
        )


class _Picture:
    """What one account's answers stand on, from the records."""

    def __init__(self, view: View, account: str, comes: Comes = forecast.coming) -> None:
        self._now = view.now
        self._key = cohort.unit_key(account)
        self._choices = {one.feature: one for one in view.find(FeatureChoice, account=account)}
        self._facts = entitlement.of(view.get(Account, account))
        self.homes, self.visits = pops_of(view, account)
        self.sheet = Sheet({one.id: one for one in view.find(Feature)}, view.now)
        self._runs = PopRuns()
        used = [*self.homes, *self.visits]
        self._used = used or [pop.id for pop in view.find(Pop)]
        self._runs.load(view, frozenset(self._used))
        self._gaps = {one.id: self._lacking(one) for one in self.sheet.features}
        lacking = {pop for gaps in self._gaps.values() for pop in gaps}
        self._coming = comes(view, lacking) if lacking else []
        self._standing = standing(self.sheet, self._key, self._choices, self._facts, self._gaps)
        on = self.sheet.on(self._standing)
        self._on = {one.id for place, one in enumerate(self.sheet.features) if on >> place & 1}
        self._seen = {one.id: self._of(one) for one in self.sheet.features}
        self._dates: dict[FeatureKey, Dates] = {}
        for one in self.sheet.features:  # after those that it needs
            needed = {key: self._dates[key] for key in one.needs.features if key not in self._on}
            self._dates[one.id] = prospects.dates(self._seen[one.id], needed, view.now)

    def told(self, feature: Feature) -> FeatureFor:
        """A feature, for this account."""
        found, of = self._dates[feature.id], self._seen[feature.id]
        return FeatureFor(
            feature=feature.id,
            summary=feature.summary,
            status=prospects.status(of, self._now).value,
            is_on=of.is_on,
            why=self.sheet.why(self._standing, self.sheet.places[feature.id]).value,
            early=self._early(feature),
            earliest=found.earliest,
            latest=found.latest,
            moved=found.moved,
            waits=found.waits,
            defer_limit=choosing.defer_limit(feature, self._now) if feature.defer_days else None,
            notes=feature.notes,
        )

    def _early(self, feature: Feature) -> str:
        choice = self._choices.get(feature.id)
        if choice is not None and choice.early is not None:
            return "opted in"
        if feature.early is None:
            return "no"
        if prospects.has_turn(self._seen[feature.id], self._now):
            return "over"
        return "open" if feature.early.since <= self._now else "later"

    def _lacking(self, feature: Feature) -> dict[PopId, str]:
        """Its PoPs that do not have a feature, each with what it lacks; a visit takes nothing away that was on."""
        found = {}
        for pop in self._used:
            if feature.id in self.visits.get(pop, ()):
                continue
            lacks = coverage.lacking(feature, self._runs.of(pop), self._runs.catalogue)
            if lacks:
                found[pop] = lacks
        return found

    def _of(self, feature: Feature) -> Seen:
        return Seen(
            feature=feature,
            account_key=self._key,
            choice=self._choices.get(feature.id),
            facts=self._facts,
            gaps=[_gap(feature, pop, lacks, self._coming) for pop, lacks in self._gaps[feature.id].items()],
            is_on=feature.id in self._on,
        )


def standing(
    sheet: Sheet,
    key: int,
    choices: Mapping[FeatureKey, FeatureChoice],
    facts: Facts,
    gaps: Mapping[FeatureKey, Mapping[PopId, str]],
) -> Standing:
    """How an account stands, from its records."""
    early = [one.feature for one in choices.values() if one.early is not None]
    held = [one.feature for one in choices.values() if one.keeps_off(sheet.now)]
    covered = [one.id for one in sheet.features if not gaps[one.id]]
    licensed = [one.id for one in sheet.features if not entitlement.missing(one.needs, facts)]
    return Standing(key, *(activation.bits_of(sheet, keys) for keys in (early, held, covered, licensed)))


def pops_of(view: View, account: str) -> tuple[list[PopId], dict[PopId, tuple[str, ...]]]:
    """The PoPs of its sites, those that take over included; others that it used of late, with what it had there."""
    sites = view.find(Site, account=account)
    homes = sorted({pop for site in sites for pop in (site.primary, site.secondary) if pop})
    today = store_clock.shown(view).date()
    visits: dict[PopId, tuple[str, ...]] = {}
    for visit in sorted(view.find(Visit, account=account), key=lambda one: one.day):
        is_late = date.fromisoformat(visit.day) > today - timedelta(days=VISIT_DAYS)
        if is_late and visit.pop not in homes:
            visits[visit.pop] = visit.had
    return homes, visits


def _gap(feature: Feature, pop: PopId, lacks: str, coming: Sequence[Coming]) -> Gap:
    """What brings what a PoP lacks: of the trains that are new enough the first one there."""
    ranges = [
        one
        for one in coming
        if one.pop == pop
        and one.component in feature.needs.releases
        and not is_older(one.number, feature.needs.releases[one.component])
    ]
    if not ranges:
        return Gap(pop=pop, lacks=lacks)
    first = min(ranges, key=lambda one: one.earliest)
    return Gap(
        pop=pop,
        lacks=lacks,
        rollout=first.rollout,
        earliest=first.earliest,
        latest=first.latest,
        open=first.open,
    )
