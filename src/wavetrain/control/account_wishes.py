"""Account wishes: what does the planned work that touches an account not grant of what it wishes?"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from wavetrain.control.facts import policy_of
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import View
from wavetrain.control.status_picture import StatusPicture
from wavetrain.decide import account_settings, ungranted
from wavetrain.decide.board import region_sizes
from wavetrain.decide.ungranted import Around, Planned, Span, Ungranted
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.fleet import Account, AccountId, Fleet, Group, Pop, PopId
from wavetrain.model.lane import POP
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.policy import Budgets, CurrentPolicy, Policy
from wavetrain.model.window import Freeze

WORKS_MAX = 100
"""So much work is held against the wishes, the next first."""


def ungranted_of(
    view: View,
    account: str,
    works: Sequence[Maintenance],
    pairs: Mapping[tuple[PopId, PopId], int],
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
            planned.append(_planned(work, place, outlooks))
    if not planned:
        return ()
    surroundings = _Surroundings(view, picture)
    return ungranted.of_account(wishes, planned, pairs, surroundings.of)


def _planned(work: Maintenance, place: Pop, outlooks: Outlooks | None) -> Planned:
    expected = outlooks.of(work.rollout, work.pop) if outlooks is not None else None
    return Planned(
        work=work.id,
        place=place,
        starts=work.starts,
        ends=work.ends,
        wave=expected.wave - 1 if expected is not None else 0,
        ring=expected.ring if expected is not None else None,
    )


class _Surroundings:
    """What binds PoPs, read when it is first asked for: most accounts have all that they wish."""

    def __init__(self, view: View, picture: StatusPicture) -> None:
        self._view, self._picture = view, picture
        self._freezes: tuple[Freeze, ...] | None = None
        self._groups: list[Group] = []
        self._policy: Policy | None = None

    def of(self, planned: Planned) -> Around:
        """What binds this one."""
        view, place = self._view, planned.place
        if self._freezes is None:
            current = view.get(CurrentPolicy, POP.name)
            self._policy = policy_of(view, current.digest) if current is not None else None
            self._freezes, self._groups = tuple(view.find(Freeze)), view.find(Group)
        policy = self._policy
        budgets = policy.budgets if policy is not None else Budgets()
        mates = {pop for group in self._groups if place.id in group.members for pop in group.members}
        others = [
            one
            for one in self._picture.places.values()
            if (one.region, one.serves) == (place.region, place.serves)
        ]
        sizes = region_sizes(Fleet(pops={one.pop: place for one in others}), budgets)
        return Around(
            now=view.now,
            needed=policy.timing.with_undo if policy is not None else timedelta(hours=1),
            gap=timedelta(minutes=budgets.gap_minutes),
            scope=(place.id, place.region, POP.name),
            freezes=self._freezes,
            mates=tuple(
                (pop, _span(work))
                for pop in sorted(mates - {place.id})
                if pop in self._picture.places
                for work in self._picture.places[pop].works
            ),
            region=tuple(_span(work) for one in others if one.pop != place.id for work in one.works),
            region_max=sizes.get(place.region, 1),
            days=policy.wishes.blackout_days if policy is not None else 0,
        )


def _span(work: Maintenance) -> Span:
    return work.starts, work.ends
