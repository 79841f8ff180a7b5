"""Pipeline: when does CI bring which release?"""

from wavetrain.model.release import Release
from wavetrain.model.rollout import Rollout
from wavetrain.simulate import schedule
from wavetrain.simulate.house import House
from wavetrain.simulate.mirror import Mirror
from wavetrain.simulate.persons import OVER
from wavetrain.simulate.schedule import Coming


class Pipeline:
    """The releases that are still to come to one house."""

    def __init__(self, house: House, mirror: Mirror, coming: list[Coming]) -> None:
        self.coming = coming
        self._house = house
        self._mirror = mirror
        self._submitted: set[str] = set()
        self._random = house.nature.stream("pipeline")

    def submit(self) -> None:
        """Bring the next release of a lane, now and then before the one before it is over."""
        for lane in schedule.COMPONENTS:
            item = next((item for item in self.coming if item.lane == lane), None)
            if item is not None and self._is_time(item):
                self.coming.remove(item)
                self._submitted.add(item.rollout)
                self._house.survive(lambda it=item: self._put(it), again=True)  # type: ignore[misc]
        for release in self._mirror.all(Release):
            if release.gates == {"build": True} and self._random.random() < 0.05:
                self._house.survive(lambda at=release: self._pass_gates(at))  # type: ignore[misc]

    @property
    def has_unplanned(self) -> bool:
        """Whether a release was submitted that no tick has given a rollout yet."""
        return bool(self._unplanned())

    def _unplanned(self) -> list[str]:
        return [name for name in self._submitted if self._mirror.get(Rollout, name) is None]

    def _is_time(self, item: Coming) -> bool:
        earlier = [
            rollout
            for rollout in self._mirror.all(Rollout)
            if rollout.lane == item.lane and rollout.status not in OVER
        ]
        if earlier and (item.waits or self._random.random() < 0.98):
            return False
        return not any(name.startswith(item.rollout[:4]) for name in self._unplanned())

    def _put(self, item: Coming) -> None:
        with self._house.store.write() as transaction:
            made = item.release(transaction.now)
            if transaction.get(Release, made.id) is None:
                transaction.put(made)

    def _pass_gates(self, release: Release) -> None:
        with self._house.store.write() as transaction:
            known = transaction.get(Release, release.id)
            if known is not None:
                transaction.put(known.changed(gates={"build": True, "tests": True}))
