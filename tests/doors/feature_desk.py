"""Feature desk: a snapshot of features that a test turns by hand."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from wavetrain.decide import cohort
from wavetrain.decide.activation import Sheet, Standing
from wavetrain.model.feature import Feature

NOW = datetime(2026, 1, 11, tzinfo=UTC)


class FeatureDesk:
    """A `Snapshot` without a store: whoever sets it changes what everybody is told."""

    def __init__(self, *features: Feature) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[int], None]] = []
        self._version = 1
        self._jumped = timedelta(0)
        self.standings: dict[str, Standing] = {}
        self._sheet = Sheet({one.id: one for one in features}, NOW)

    def sheet(self) -> Sheet:
        return self._sheet

    def look(self, account: str) -> tuple[Sheet, Standing | None]:
        return self._sheet, self.standings.get(account)

    def asked(self, account: str) -> tuple[Sheet, Standing]:
        return self._sheet, self.standings.get(account) or self.stranger(account)

    def stranger(self, account: str) -> Standing:
        needs = [(one.needs.releases, one.needs.licences) for one in self._sheet.features]
        covered = sum(1 << place for place, (releases, _) in enumerate(needs) if not releases)
        licensed = sum(1 << place for place, (_, licences) in enumerate(needs) if not licences)
        return Standing(cohort.unit_key(account), covered=covered, licensed=licensed)

    @property
    def now(self) -> datetime:
        return NOW + self._jumped

    @property
    def jumped_s(self) -> float:
        return self._jumped.total_seconds()

    @property
    def followed(self) -> int:
        return self._version

    @property
    def version(self) -> int:
        return self._version

    def on_change(self, listener: Callable[[int], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def put(self, *features: Feature) -> int:
        """These, beside those that are there; the number of the change."""
        with self._lock:
            known = {one.id: one for one in self._sheet.features} | {one.id: one for one in features}
            self._sheet = Sheet(known, NOW)
            self._version += 1
            version = self._version
        self._tell(version)
        return version

    def jump(self, span: timedelta) -> None:
        """Train time is moved on."""
        with self._lock:
            self._jumped += span
            self._version += 1
            version = self._version
        self._tell(version)

    def _tell(self, version: int) -> None:
        for listener in tuple(self._listeners):
            listener(version)
