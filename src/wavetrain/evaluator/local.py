"""Local: which features has an account, by the last snapshot that came?

The clock goes on by itself: ramps grow while the control plane is away, as they would with it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from wavetrain.decide.activation import Answer, Sheet, Standing, changes_next
from wavetrain.model.feature import FeatureKey
from wavetrain.wire.snapshot_messages import SnapshotSent, sheet_of, standing_of


class Local:
    """A snapshot, and the seconds that have gone by since it was so. Never changes but by the clock."""

    def __init__(self, told: SnapshotSent, gone_s: Callable[[], float]) -> None:
        """Raises RefusedError where the snapshot does not fit together."""
        self.told = told
        self.gone_s = gone_s
        self._sheet = self._made()

    def knows(self, account: str) -> bool:
        """Whether it was said how the account stands."""
        return account in self.told.accounts

    def answer(self, account: str, key: str) -> Answer | None:
        """What an account has of a feature; None where there is no such feature."""
        sheet = self._fresh()
        place = sheet.places.get(FeatureKey(key))
        return sheet.answer(self._standing(account), place) if place is not None else None

    def answers(self, account: str) -> list[Answer]:
        """What it has of every feature."""
        return self._fresh().answers(self._standing(account))

    def _standing(self, account: str) -> Standing:
        return standing_of(account, self.told.accounts.get(account, self.told.stranger))

    def _fresh(self) -> Sheet:
        until, sheet = self._sheet
        if until is not None and self._now() >= until:
            self._sheet = self._made()
            sheet = self._sheet[1]
        return sheet

    def _made(self) -> tuple[datetime | None, Sheet]:
        now = self._now()
        changes = [at for one in self.told.features if (at := changes_next(one, now)) is not None]
        return min(changes, default=None), sheet_of(self.told, now)

    def _now(self) -> datetime:
        return self.told.now + timedelta(seconds=self.gone_s())


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a program is told; where it cannot be told, its own default and why."""

    value: Any
    variant: str = ""
    reason: str
    why: str = ""
    error_code: str = ""
    error_text: str = ""
    age_s: float | None = None
    """How long ago it was known to be so; None where nothing has come yet."""
