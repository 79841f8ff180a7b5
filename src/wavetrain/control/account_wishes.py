"""Account wishes: what does the planned work that touches an account not grant of what it wishes?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property

from wavetrain.control.facts import policy_of
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import View
from wavetrain.control.status_picture import StatusPicture
from wavetrain.decide import account_settings, ungranted
from wavetrain.decide.board import region_size
from wavetrain.decide.ungranted import Around, Planned, Ungranted
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.fleet import Account, AccountId, Group, Pop, PopId
from wavetrain.model.lane import POP
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.policy import Budgets, CurrentPolicy
from wavetrain.model.window import Freeze

WORKS_MAX = 100
"""So much work is held against the wishes, the next first."""


def ungranted_of(
    view: View,
    account: str,
    works: Sequence[Maintenance],
    pairs: Mapping[tuple[PopId, PopId], int],
    primaries: Collection[PopId],
    picture: StatusPicture,
    outlooks: Outlooks | None,
) -> tuple[Ungranted, ...]:
    """What is not granted, with the rule that stands against it, and the window that would have granted it."""
    agreed = view.get(Account, account) or Account(id=AccountId(account))
    wishes = account_settings.effective(agreed, view.get(AccountSettings, account))
    planned = []
    for work in works[:WORKS_MAX]:
        place = view.get(Pop, work.pop)
        if place is not None:
            is_felt = place.id in primaries or place.dedicated == account
            planned.append(_planned(work, place, outlooks, is_felt))
    if not planned:
        return ()
    surroundings = _Surroundings(view, picture, outlooks)
    return ungranted.of_account(wishes, planned, pairs, surroundings.of, surroundings.gap)


def _planned(work: Maintenance, place: Pop, outlooks: Outlooks | None, is_felt: bool) -> Planned:
    expected = outlooks.of(work.rollout, work.pop) if outlooks is not None else None
    return Planned(
        work=work.id,
        place=place,
        starts=work.starts,
        ends=work.ends,
        is_felt=is_felt,
        wave=expected.wave - 1 if expected is not None else 0,
        ring=expected.ring if expected is not None else None,
    )


class _Surroundings:
    """What binds PoPs."""

    def __init__(self, view: View, picture: StatusPicture, outlooks: Outlooks | None) -> None:
        self._view, self._picture, self._outlooks = view, picture, outlooks
        current = view.get(CurrentPolicy, POP.name)
        self._policy = policy_of(view, current.digest) if current is not None else None
        self._budgets = self._policy.budgets if self._policy is not None else Budgets()
        self.gap = timedelta(minutes=self._budgets.gap_minutes)

    @cached_property
    def _freezes(self) -> tuple[Freeze, ...]:
        return tuple(self._view.find(Freeze))

    @cached_property
    def _groups(self) -> list[Group]:
        return self._view.find(Group)

    def of(self, planned: Planned) -> Around:
        """What binds this one."""
        place, policy = planned.place, self._policy
        mates = {pop for group in self._groups if place.id in group.members for pop in group.members}
        region = self._outlooks.region(place.region) if self._outlooks is not None else None
        return Around(
            now=self._view.now,
            needed=policy.timing.with_undo if policy is not None else timedelta(hours=1),
            gap=self.gap,
            scope=(place.id, place.region, POP.name),
            freezes=self._freezes,
            mates=tuple(
                (pop, (work.starts, work.ends))
                for pop in sorted(mates - {place.id})
                if pop in self._picture.places
                for work in self._picture.places[pop].works
            ),
            region=tuple((opens, closes) for pop, opens, closes in region.busy if pop != place.id)
            if region is not None
            else (),
            region_max=region_size(region.pops if region is not None else 0, self._budgets),
            days=policy.wishes.blackout_days if policy is not None else 0,
        )
