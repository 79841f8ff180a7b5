"""Past test: do the new nodes of a rollout count what almost never happens, whatever their neighbours do?"""

import numpy as np

from wavetrain.decide.rows import Rows
from wavetrain.evidence import first_nodes
from wavetrain.evidence.counters import Array
from wavetrain.evidence.processes import ARM_NEW_CAPPED, ARM_NEW_EXPOSURE


class History:
    """One process for each check that is held against the past, over all PoPs. Changes in place."""

    def __init__(self, rows: Rows, kept: bytes = b"") -> None:
        """`kept` is what an earlier process has kept."""
        self._places = rows.histories
        self._state: Array = (
            np.frombuffer(kept, dtype="<f8").reshape(-1, first_nodes.WIDTH)
            if kept
            else first_nodes.unstarted((len(self._places),))
        )

    def absorb(self, counts: Array, ceilings: Array, phis: Array) -> None:
        """One PoP's bin by arm, (rows, ARMS), with what its past did not exceed."""
        if not len(self._places):
            return
        seen = counts[self._places]
        self._state = first_nodes.moved(
            self._state,
            seen[:, ARM_NEW_CAPPED],
            seen[:, ARM_NEW_EXPOSURE],
            ceilings[self._places],
            phis[self._places],
        )

    def log_es(self) -> list[float]:
        """Log e by check that has a history, in the order of the rows."""
        return first_nodes.log_e(self._state).tolist() if len(self._places) else []

    def state(self) -> bytes:
        """All of it, as it is kept."""
        return self._state.astype("<f8").tobytes() if len(self._places) else b""
