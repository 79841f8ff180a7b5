"""Pipeline: when does CI bring which release?"""

from wavetrain.control import hotfixes
from wavetrain.decide.entry import refusal
from wavetrain.model.fleet import Pop
from wavetrain.model.release import Release
from wavetrain.model.rollout import Rollout, Status
from wavetrain.simulate import schedule
from wavetrain.simulate.house import House
from wavetrain.simulate.mirror import Mirror
from wavetrain.simulate.persons import OVER
from wavetrain.simulate.schedule import Coming

HOTFIX_CHANCE = 0.03
"""Per tick in which a release is on its way."""
HOTFIXES_MAX = 3
HOTFIX_NUMBER_MAX = 20
"""A hotfix of a hotfix is fixed no more: its number would become long."""


class Pipeline:
    """The releases that are still to come to one house."""

    def __init__(self, house: House, mirror: Mirror, coming: list[Coming]) -> None:
        self.coming = coming
        self._house = house
        self._mirror = mirror
        self._submitted: set[str] = set()
        self._random = house.nature.stream("pipeline")
        self._fixes = 0

    def submit(self) -> None:
        """Bring the next release of a lane, now and then before the one before it is over."""
        for lane in schedule.COMPONENTS:
            item = next((item for item in self.coming if item.lane == lane), None)
            if item is not None and self._is_time(item):
                self.coming.remove(item)
                self._house.survive(lambda it=item: self._put(it), again=True)  # type: ignore[misc]
        self._fix()
        for release in self._mirror.all(Release):
            if release.gates == {"build": True} and self._random.random() < 0.05:
                self._house.survive(lambda at=release: self._pass_gates(at))  # type: ignore[misc]

    def _fix(self) -> None:
        """Now and then bring a hotfix of a release that is on its way, as the doors would let it in."""
        random = self._house.nature.stream("hotfixes")
        under_way = [
            item
            for item in self._mirror.all(Rollout)
            if item.lane == "pop" and item.status is Status.ROLLING and len(item.number) < HOTFIX_NUMBER_MAX
        ]
        if not under_way or random.random() > HOTFIX_CHANCE or self._fixes >= HOTFIXES_MAX:
            return
        self._fixes += 1
        pops = sorted(pop.id for pop in self._mirror.all(Pop))
        item = schedule.hotfix(random, random.choice(under_way), pops, self._fixes)
        if self._house.nature.lets(self._house.nature.next_of("hotfix")):
            self._house.survive(lambda: self._put(item), again=True)

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
            is_known = transaction.get(Release, made.id) is not None
            if not is_known and refusal(made.hotfix, hotfixes.scene(transaction, made)):
                return
            if not is_known:
                transaction.put(made)
        self._submitted.add(item.rollout)

    def _pass_gates(self, release: Release) -> None:
        with self._house.store.write() as transaction:
            known = transaction.get(Release, release.id)
            if known is not None:
                transaction.put(known.changed(gates={"build": True, "tests": True}))
