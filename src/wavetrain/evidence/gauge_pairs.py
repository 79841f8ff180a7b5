"""Gauge pairs: what do pairs of like nodes say of a gauge of which no pre-period tells how it varies?

In such a stratum a new node is paired with an unexposed one of its hardware class, both the first that are free in the
order in which chance drew them; each node is in one pair, ever. So given the pairs, chance alone says which of the two
is new, and `betting` needs nothing else. After a block, by the sign of the mean difference over the bins in which both
were seen, a pair bets
* against the release, in one process of all strata: u = sign(new - control). What the check says is (1 + K) / 2, since
  half is never bet: sound pairs take at most log 2 from what other strata say by their blocks (`gauge_strata`). Its
  product with that is an e-process: given all blocks, K keeps its mean (Vovk & Wang 2021);
* against a shift of rho or more, by stratum: u = sign(control + rho - new), which has a mean of at most 0 where new
  nodes are worse by rho. A stratum's gate passes when this K has reached 1 / beta.
A pair whose nodes leave their arms before it has bet is lost: it bets against the shift as if the new one were worse,
so that nodes that fail do not make the others look good; against the release it says nothing. Where less is worse the
levels change sides.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence import betting
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.betting import LOG_K
from wavetrain.evidence.counters import LOG_2, Array

WORSE, SHIFTED = range(2)
"""Of a stratum's states, (gauges, 2, betting.WIDTH): against the release, and against a shift of rho or more."""


class _Pair(Struct):
    new: str
    control: str
    seconds: float
    bins: int
    sums: Array
    """By gauge: differences, and the bins in which both were seen."""


class _Stratum(Struct):
    state: Array
    spent: list[str]
    """Both nodes of each pair that has bet, or was lost."""
    open: list[_Pair]


class GaugePairs:
    """The pairs of one rollout. Changes in place; pairs that have not bet yet begin anew after a restart."""

    def __init__(self, falls: Mask, rho: Array, block_s: float, total: Array | None = None) -> None:
        """`falls` marks the gauges of which less is worse, `rho` is the smallest shift worth a rollback, by gauge.

        `total`, (gauges, betting.WIDTH), is that of an earlier part of this test.
        """
        self._sign: Array = np.where(falls, -1.0, 1.0)
        self._rho, self._block_s = rho, block_s
        self.total: Array = betting.unstarted((len(rho),)) if total is None else total.copy()
        self._strata: dict[str, _Stratum] = {}

    def __contains__(self, stratum: str) -> bool:
        return stratum in self._strata

    def take(self, stratum: str, state: Array | None = None, spent: Sequence[str] = ()) -> None:
        """A stratum, unstarted or as it was kept, with the nodes that are in no pair any more."""
        shape = (len(self._rho), 2, betting.WIDTH)
        held = betting.unstarted(shape[:2]) if state is None else state.copy()
        if held.shape != shape:
            raise RefusedError(
                f"stratum {stratum} keeps pairs of {len(held)} gauges, the test has {len(self._rho)}; start the "
                "version that wrote it"
            )
        self._strata[stratum] = _Stratum(held, list(spent), [])

    def absorb(
        self,
        stratum: str,
        order: Sequence[str],
        classes: Mapping[str, str],
        nodes: Sequence[str],
        levels: Array,
        arms: tuple[Mask, Mask],
        seconds: float,
    ) -> bool:
        """One bin of levels, (gauges, nodes), NaN for none; whether a pair has bet.

        `order` is that in which chance drew the nodes, `classes` the hardware of each; a node without one is of a class
        with all others that have none.
        """
        held = self._strata[stratum]
        place = {node: at for at, node in enumerate(nodes)}
        new, control = (
            [node for node in order if node in place and arm[place[node]]] for arm in (arms[0], arms[1])
        )
        self._match(held, new, control, classes)
        before = len(held.spent)
        for pair in list(held.open):
            if pair.new not in new or pair.control not in control:
                if pair.new in place and pair.control in place:
                    self._bet(held, pair, np.full(len(self._rho), np.nan), np.full(len(self._rho), -1.0))
                continue
            off = self._sign * (levels[:, place[pair.new]] - levels[:, place[pair.control]])
            seen = ~np.isnan(off)
            if not seen.any():
                continue
            pair.sums += np.where(seen, off, 0.0), seen
            pair.bins += 1
            pair.seconds += seconds
            if pair.seconds >= self._block_s:
                differences, counts = pair.sums
                mean = np.where(counts * 2 >= pair.bins, differences / np.maximum(counts, 1), np.nan)
                self._bet(held, pair, np.sign(mean), np.sign(self._rho - mean))
        return len(held.spent) > before

    def state(self, stratum: str) -> tuple[Array, tuple[str, ...]]:
        """A live stratum's states, and the nodes that are in no pair any more."""
        held = self._strata[stratum]
        return held.state, tuple(held.spent)

    def settle(self, stratum: str) -> None:
        """Nothing more comes of a stratum; what its pairs have bet stays in the total."""
        del self._strata[stratum]

    def log_es(self) -> Array:
        """Log e by gauge, of all pairs that have bet."""
        return said(self.total)

    def parts(self, gauge: int) -> tuple[tuple[str, float], ...]:
        """Log e of one gauge by live stratum of which a pair has bet."""
        return tuple(
            (name, float(said(held.state[gauge, WORSE])))
            for name, held in self._strata.items()
            if held.state[gauge, WORSE, betting.PAIRS]
        )

    def _match(
        self, held: _Stratum, new: Sequence[str], control: Sequence[str], classes: Mapping[str, str]
    ) -> None:
        taken = {*held.spent, *(node for pair in held.open for node in (pair.new, pair.control))}
        free = [node for node in control if node not in taken]
        for node in new:
            if node in taken:
                continue
            like = next((other for other in free if classes.get(other) == classes.get(node)), None)
            if like is not None:
                free.remove(like)
                held.open.append(_Pair(node, like, 0.0, 0, np.zeros((2, len(self._rho)))))

    def _bet(self, held: _Stratum, pair: _Pair, worse: Array, shifted: Array) -> None:
        held.open.remove(pair)
        held.spent += [pair.new, pair.control]
        held.state = betting.bet(held.state, np.stack([worse, shifted], axis=-1))
        self.total = betting.bet(self.total, worse)


def said(states: Array) -> Array:
    """Log e of states against the release: the mean of what was bet and of what was not."""
    out: Array = np.logaddexp(states[..., LOG_K], 0.0) - LOG_2
    return out
