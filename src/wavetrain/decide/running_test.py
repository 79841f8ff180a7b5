"""Running test: what have the bins of a rollout's PoPs said together so far?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wavetrain.decide import comparison, rows, verdict_parts
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence
from wavetrain.decide.gauge_test import Gauges
from wavetrain.decide.histograms import Histograms, QuantileBands
from wavetrain.decide.past_test import History
from wavetrain.decide.rows import Places
from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.calibration import Calibrations
from wavetrain.evidence.counters import Array
from wavetrain.evidence.judgement import Judgement
from wavetrain.evidence.processes import packed, unpacked, unstarted
from wavetrain.evidence.strata import TOTALS, Strata
from wavetrain.evidence.together import WIDTH, OfClass
from wavetrain.model.fleet import Pop
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Turn

Apart = tuple[tuple[Mask, Mask], str | dict[str, tuple[Mask, Mask]], tuple[Mask, Mask]]
"""The arms of a PoP, how they fall to its hardware classes, and the arms by which its share of the load is told."""
ArmsOf = Callable[[Turn, PopCounts, str], tuple[Mask, Mask] | None]
"""Which nodes of a bin are held against which, as `comparison.arms_of` says it."""


class RunningTest:
    """Changes in place as bins come; its records are made when they are asked for, of the PoPs that changed."""

    def __init__(
        self,
        rollout: str,
        policy: Policy,
        kept: RolloutEvidence | None = None,
        pops: Iterable[PopEvidence] = (),
        known: Iterable[PopCalibration] = (),
        arms_of: ArmsOf = comparison.arms_of,
    ) -> None:
        """`kept`, the live `pops` and what is `known` of them are those of an earlier process, from the store.

        Of another set of metrics than the policy's nothing can be gone on with: then the test starts over.
        """
        self.rollout, self.policy, self._arms_of = rollout, policy, arms_of
        names = tuple(rule.name for rule in policy.verdicts.metrics)
        if kept is not None and kept.metrics != names:
            kept, pops = None, ()
        self._kept = (kept or RolloutEvidence(rollout=rollout, metrics=names)).changed(version=0)
        self._is_behind = False
        """Whether more was said than stands in the record."""
        verdicts = policy.verdicts
        self._rows = rows.rows_of(policy)
        totals = together = None
        many = len(self._rows.rows)
        if self._kept.totals:
            totals = _kept_rows(self._kept.totals, many, TOTALS)
            together = _kept_rows(self._kept.together, (1 + len(self._kept.classes)) * many, WIDTH)
            together = together.reshape(-1, many, WIDTH)
        self._strata = Strata(
            self._rows.metrics,
            verdicts.tau_floor,
            verdicts.beta,
            totals,
            self._kept.classes,
            together,
        )
        self._gauges = Gauges(policy, self._kept)
        self._history = History(self._rows, self._kept.history)
        self._histograms = Histograms(policy, self._kept.buckets)
        self._calibrations = {item.pop: item for item in known}
        self._known: dict[str, Calibrations] = {}
        self._pops: dict[str, PopEvidence] = {}
        self._arms: dict[str, tuple[tuple[object, ...], Apart | None]] = {}
        self._placed: tuple[tuple[str, ...], tuple[Places, Places]] | None = None
        self._stale: set[str] = set()
        self._touched: dict[str, int] = {}
        self._gone: dict[str, tuple[int, PopEvidence]] = {}
        self.certified = self._kept.certified
        """The smallest alpha that placebo trains certify; set by whoever knows it, and kept with the next judgement."""
        self.log_es: list[float] = []
        """By check, as of the last judgement of this process."""
        self.pops = Pops(self)
        for item in pops:
            if item.pop in self._calibrations:
                self._take(item.changed(version=0), unpacked(item.states))

    @property
    def record(self) -> RolloutEvidence:
        """The test as a whole, made when it is asked for."""
        if self._is_behind:
            self._is_behind = False
            together = self._strata.together
            self._kept = self._kept.changed(
                totals=self._strata.totals.astype("<f8").tobytes(),
                classes=tuple(together.classes),
                together=together.rows.astype("<f8").tobytes(),
                history=self._history.state(),
                buckets=self._histograms.state(),
                **self._gauges.totals(),
            )
        return self._kept

    def pop(self, pop: str) -> PopEvidence | None:
        """What one live PoP has said."""
        if pop in self._stale:
            self._stale.discard(pop)
            self._pops[pop] = self._pops[pop].changed(states=packed(self._strata.state(pop)))
        return self._pops.get(pop)

    def calibration(self, pop: str) -> PopCalibration | None:
        """What a live PoP's counts are held against."""
        return self._calibrations.get(pop)

    @property
    def live(self) -> tuple[str, ...]:
        """The PoPs that may still say something."""
        return self._strata.live

    def has(self, pop: str) -> bool:
        """Whether a PoP is live."""
        return pop in self._strata

    def was_done(self, pop: str) -> bool:
        """Whether a PoP was settled since the test was last written down."""
        return pop in self._gone

    def calibrate(self, known: PopCalibration, before: PopEvidence | None = None) -> None:
        """Take a PoP in, with its calibration; `before` is what it has said already."""
        self._gone.pop(known.pop, None)
        self._calibrations[known.pop] = known
        start = before or PopEvidence(rollout=self.rollout, pop=known.pop)
        state = unpacked(before.states) if before is not None else None
        self._take(start.changed(version=0, live=1, only_watch=known.only_watch), state)
        self._change({known.pop})

    def compare(
        self,
        seen: Sequence[tuple[Turn, PopCounts]],
        number: str,
        steady: float,
        fleet: Mapping[str, Pop] | None = None,
        clock_s: float | None = None,
    ) -> set[str]:
        """Lay quiet bins to the evidence, in their order; the names of the PoPs whose evidence that changed.

        `fleet` says of which hardware class nodes are; in a PoP that is not in it they are of none. `clock_s` is train
        time in seconds, where it is known. Counts enter once the new nodes carry their share, so that a fresh node's
        emptiness is not taken for health.
        """
        changed: set[str] = set()
        counts: dict[str, tuple[Array, OfClass]] = {}
        count = len(self._rows.rows)
        for turn, bin_ in seen:
            kept, known = self._pops.get(turn.pop), self._known.get(turn.pop)
            pop = fleet.get(turn.pop) if fleet is not None else None
            apart = self._apart(turn, bin_, number, pop) if kept is not None else None
            if kept is None or known is None or apart is None or bin_.seconds <= 0:
                continue
            arms, classes, whole = apart
            changed.add(turn.pop)
            share = comparison.share_of(bin_, whole)
            kept = kept.changed(share=share)
            if share >= self.policy.bake.share_min:
                if turn.pop in counts:
                    self._absorb(counts)
                    counts = {}
                fixed = self._calibrations[turn.pop]
                table = rows.counted(
                    bin_, self._rows, self._places_of(bin_), comparison.strand_bounds(fixed, count)
                )
                split = comparison.split_classes(
                    table, bin_.seconds, arms, classes, known.of(bin_.nodes), self._rows.turned
                )
                counts[turn.pop] = split
                self._history.absorb(split[0], comparison.ceilings(fixed, count), known.phis)
                self._histograms.absorb(bin_, arms)
                kept = self._gauges.absorb(turn, bin_, arms, kept, pop, clock_s)
                kept = kept.changed(compared_s=kept.compared_s + bin_.seconds)
                self._compared(turn.pop, steady)
            self._pops[turn.pop] = kept
        self._absorb(counts)
        if changed:
            self._change(changed)
        return changed

    def judge(self) -> None:
        """Work out whether the release has failed; once it has, it stays so."""
        alpha = self.policy.verdicts.alpha
        self.log_es = verdict_parts.log_es(self.policy, self._said())
        weights = budget.normalised([rule.weight for rule in self.policy.verdicts.metrics])
        log_e = budget.log_mean(self.log_es, weights)
        self._kept = self._kept.changed(
            log_e=log_e,
            log_threshold=budget.log_threshold(alpha),
            failed=self._kept.failed or budget.fails(log_e, alpha),
            certified=self.certified,
        )

    def judgement(self) -> Judgement:
        """The verdict with its parts, check by check."""
        return verdict_parts.judgement(
            self.policy, self._said(), self._strata.judgement(self.policy.verdicts.alpha), self._gauges
        )

    def pooled(self) -> tuple[Array | None, ...]:
        """Of each check, all PoPs together, the log likelihood over the grid of ratios of the row that says most.

        None for a gauge, which has shifts and no ratios.
        """
        pooled = self._strata.pooled()
        return tuple(pooled[row] if row >= 0 else None for row in self.best_rows())

    def best_rows(self) -> tuple[int, ...]:
        """Of each check the row that says most; -1 for a gauge."""
        log_es = self._strata.log_es().tolist()
        return tuple(
            max(places, key=log_es.__getitem__) if places else -1
            for places in verdict_parts.places_by_check(self.policy, self._rows)
        )

    def shifts(self) -> list[tuple[float, float]]:
        """Of each gauge the least and greatest shift that is not refuted, in its unit; infinite where none is."""
        return self._gauges.shifts()

    def bands(self, check: str, phi: float) -> tuple[QuantileBands, ...]:
        """Between which bounds the quantiles of a histogram check lie, if its counts have this dispersion."""
        return self._histograms.bands(check, phi)

    def pairs(self) -> list[int]:
        """By gauge how many matched pairs have bet, in PoPs whose pre-period does not tell how it varies."""
        return self._gauges.pairs()

    def _said(self) -> "verdict_parts.Said":
        return verdict_parts.Said(
            self._rows, self._strata.log_es().tolist(), self._history.log_es(), self._gauges.log_es()
        )

    def settle(self, pop: str) -> None:
        """Nothing more comes of a PoP: what it said goes into the totals, and it is written down a last time."""
        last = self.pop(pop)
        if last is None:
            return
        self._strata.settle(pop)
        self._gauges.settle(pop)
        for held in (self._pops, self._known, self._calibrations, self._touched, self._arms):
            held.pop(pop, None)
        self._change(set())
        self._gone[pop] = (self._kept.changes, last.changed(live=0))

    def reopen(self, known: PopCalibration, settled: Iterable[PopEvidence]) -> None:
        """A PoP that was done says something again; `settled` are all that are done, as they were written down."""
        done = {item.pop: item for item in settled} | {pop: item for pop, (_, item) in self._gone.items()}
        before = done.pop(known.pop, None)
        over = [item for item in done.values() if item.pop not in self._strata]
        self._strata.settled_anew(unpacked(item.states) for item in over)
        self._gauges.settled_anew(item.gauges for item in over)
        self.calibrate(known, before)

    def unwritten(self, changes: int) -> list[PopEvidence]:
        """What PoPs have said, or said last, since the test had changed so often."""
        self._gone = {pop: kept for pop, kept in self._gone.items() if kept[0] > changes}
        live = [pop for pop, at in self._touched.items() if at > changes]
        return [*(item for _, item in self._gone.values()), *(self.pops[pop] for pop in live)]

    def _change(self, pops: set[str]) -> None:
        self._kept = self._kept.changed(changes=self._kept.changes + 1)
        self._is_behind = True
        self._touched.update(dict.fromkeys(pops, self._kept.changes))

    def _take(self, kept: PopEvidence, state: Array | None) -> None:
        known = comparison.calibrations(self._calibrations[kept.pop])
        self._known[kept.pop] = known
        start = unstarted(known.phis) if state is None else state
        self._strata.take(kept.pop, start, known.taus, known.offset_errors)
        self._gauges.take(self._calibrations[kept.pop], kept)
        self._pops[kept.pop] = kept
        if state is None:
            self._stale.add(kept.pop)

    def _apart(self, turn: Turn, seen: PopCounts, number: str, pop: Pop | None) -> Apart | None:
        """The arms of a bin, also by hardware class; those of the PoP's last one while nothing moved there."""
        hardware = pop.hardware if pop is not None else None
        asked = (turn, seen.nodes, seen.releases, hardware)
        before = self._arms.get(turn.pop)
        if before is None or before[0][0] is not turn or before[0] != asked:
            arms, apart = self._arms_of(turn, seen, number), None
            if arms is not None:
                classes = comparison.classes_of(hardware or {}, seen.nodes, arms)
                apart = (arms, classes, comparison.whole_of(turn, seen, number, arms))
            before = self._arms[turn.pop] = (asked, apart)
            known = self._known.get(turn.pop)
            if known is not None:
                whole = comparison.calibrations(self._calibrations[turn.pop])
                self._known[turn.pop] = whole.of(seen.nodes)
        return before[1]

    def _places_of(self, seen: PopCounts) -> tuple[Places, Places]:
        if self._placed is None or self._placed[0] != seen.counters:
            self._placed = (seen.counters, rows.places_of(seen.counters, self._rows))
        return self._placed[1]

    def _compared(self, pop: str, steady: float) -> None:
        seconds = self._calibrations[pop].seconds
        least = seconds if self._kept.pre_period_s is None else min(seconds, self._kept.pre_period_s)
        if not self._kept.first_s or least != self._kept.pre_period_s:
            self._kept = self._kept.changed(first_s=self._kept.first_s or steady, pre_period_s=least)

    def _absorb(self, counts: Mapping[str, tuple[Array, OfClass]]) -> None:
        if counts:
            whole = np.stack([counted for counted, _ in counts.values()])
            self._strata.absorb(tuple(counts), whole, {pop: of_it for pop, (_, of_it) in counts.items()})
            self._stale |= counts.keys()


def _kept_rows(kept: bytes, rows: int, width: int) -> Array:
    """Little-endian doubles of this shape. Refuses those of another."""
    if len(kept) != 8 * rows * width:
        raise RefusedError(
            f"a running test of {len(kept)} bytes: {rows} rows take {8 * rows * width}; another version "
            f"kept it: run wavetrain store migrate, or start the version that wrote it"
        )
    return np.frombuffer(kept, dtype="<f8").reshape(rows, width)


class Pops(Mapping[str, PopEvidence]):
    """What each live PoP has said, made when it is asked for."""

    def __init__(self, test: RunningTest) -> None:
        self._test = test

    def get(self, pop: str, default: Any = None) -> Any:
        """One PoP's evidence, or `default`."""
        found = self._test.pop(pop)
        return default if found is None else found

    def __getitem__(self, pop: str) -> PopEvidence:
        found = self._test.pop(pop)
        if found is None:
            raise KeyError(pop)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._test.live)

    def __len__(self) -> int:
        return len(self._test.live)
