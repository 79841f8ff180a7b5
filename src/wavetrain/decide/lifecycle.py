"""Lifecycle: which status follows? One table for rollouts, one for waves, one per lane for units."""

from enum import StrEnum

from wavetrain.errors import TransitionError
from wavetrain.model.fleet import Phase
from wavetrain.model.rollout import Status, UnitState, WaveStatus


class Cause(StrEnum):
    """What may happen to a rollout."""

    ANNOUNCE = "its timetable was made"
    DEPART = "its first window opened"
    PAUSE = "a person or the verdict paused it"
    RESUME = "a person resumed it"
    RESUME_EARLY = "a person resumed it before its departure"
    ABORT = "a person stopped it"
    REVERT = "the verdict or a person sends it back"
    FINISH = "every PoP has it"
    FINISH_WITH_RESIDUE = "every PoP has it, save some units"
    BACK = "every unit is back"
    BACK_WITH_RESIDUE = "every unit is back, save some"
    SUPERSEDE = "a newer release departed"
    REPLAN = "it enters in another way"


class WaveCause(StrEnum):
    """What may happen to a wave."""

    REACH = "its turn has come"
    START = "its first unit was admitted"
    FILL = "its last unit has the release"
    SOAKED = "its soak ended"
    FAIL = "its release goes back"
    DOUBT = "the evidence stayed inconclusive"
    BLIND = "telemetry is missing"
    SEE = "telemetry is back"
    DECIDE = "a person decided to go on"


S, C = Status, Cause
ROLLOUT: dict[tuple[Status, Cause], Status] = {
    (S.PLANNED, C.ANNOUNCE): S.ANNOUNCED,
    (S.PLANNED, C.PAUSE): S.PAUSED,
    (S.PLANNED, C.ABORT): S.STOPPED,
    (S.PLANNED, C.REVERT): S.REVERTING,
    (S.PLANNED, C.SUPERSEDE): S.SUPERSEDED,
    (S.ANNOUNCED, C.DEPART): S.ROLLING,
    (S.ANNOUNCED, C.PAUSE): S.PAUSED,
    (S.ANNOUNCED, C.ABORT): S.STOPPED,
    (S.ANNOUNCED, C.REVERT): S.REVERTING,
    (S.ANNOUNCED, C.SUPERSEDE): S.SUPERSEDED,
    (S.ANNOUNCED, C.REPLAN): S.PLANNED,
    (S.ROLLING, C.PAUSE): S.PAUSED,
    (S.ROLLING, C.ABORT): S.STOPPED,
    (S.ROLLING, C.REVERT): S.REVERTING,
    (S.ROLLING, C.FINISH): S.COMPLETED,
    (S.ROLLING, C.FINISH_WITH_RESIDUE): S.RESIDUE,
    (S.ROLLING, C.SUPERSEDE): S.SUPERSEDED,
    (S.PAUSED, C.RESUME): S.ROLLING,
    (S.PAUSED, C.RESUME_EARLY): S.PLANNED,
    (S.PAUSED, C.ABORT): S.STOPPED,
    (S.PAUSED, C.REVERT): S.REVERTING,
    (S.PAUSED, C.SUPERSEDE): S.SUPERSEDED,
    (S.REVERTING, C.ABORT): S.STOPPED,
    (S.REVERTING, C.BACK): S.REVERTED,
    (S.REVERTING, C.BACK_WITH_RESIDUE): S.PARTLY_REVERTED,
}
"""What is not in the table is refused."""

TERMINAL = frozenset({S.COMPLETED, S.RESIDUE, S.REVERTED, S.PARTLY_REVERTED, S.STOPPED, S.SUPERSEDED})
WISHES = (C.PAUSE, C.RESUME, C.ABORT, C.REVERT)
"""What a person may ask of a rollout."""

ACTIVE = tuple(status for status in Status if status not in TERMINAL)

W, D = WaveStatus, WaveCause
WAVE: dict[tuple[WaveStatus, WaveCause], WaveStatus] = {
    (W.PENDING, D.REACH): W.WAITING,
    (W.WAITING, D.START): W.EXECUTING,
    (W.WAITING, D.FILL): W.BAKING,
    (W.EXECUTING, D.FILL): W.BAKING,
    (W.BAKING, D.SOAKED): W.PASSED,
    (W.PENDING, D.FAIL): W.FAILED,
    (W.WAITING, D.FAIL): W.FAILED,
    (W.EXECUTING, D.FAIL): W.FAILED,
    (W.EXECUTING, D.DOUBT): W.INCONCLUSIVE,
    (W.EXECUTING, D.BLIND): W.ERRORED,
    (W.BAKING, D.FAIL): W.FAILED,
    (W.INCONCLUSIVE, D.DECIDE): W.EXECUTING,
    (W.INCONCLUSIVE, D.BLIND): W.ERRORED,
    (W.INCONCLUSIVE, D.FAIL): W.FAILED,
    (W.ERRORED, D.SEE): W.EXECUTING,
    (W.ERRORED, D.FAIL): W.FAILED,
    (W.PASSED, D.FAIL): W.FAILED,
}
WAVE_TERMINAL = frozenset({W.FAILED})

U, P = UnitState, Phase
_LOST: dict[Phase, UnitState] = {P.REVERTED: U.QUARANTINED, P.FAILED: U.QUARANTINED}


def _unit_table(path: tuple[tuple[Phase, UnitState], ...]) -> dict[tuple[UnitState, Phase], UnitState]:
    """A unit may skip ahead on its path (reports are lost) and never goes back on it."""
    table: dict[tuple[UnitState, Phase], UnitState] = {}
    states = [U.ADMITTED, *(state for _, state in path)]
    for index, state in enumerate(states):
        for later in range(index, len(path)):
            phase, target = path[later]
            table[state, phase] = target
        table[state, P.LAPSED] = U.GONE_BACK
        for phase, target in _LOST.items():
            table[state, phase] = target
    return table


_NODE = _unit_table(
    (
        (P.STAGING, U.ADMITTED),
        (P.DRAINING, U.DRAINING),
        (P.UPDATING, U.UPDATING),
        (P.VERIFYING, U.VERIFYING),
        (P.RETURNING, U.RETURNING),
    )
)
UNITS: dict[str, dict[tuple[UnitState, Phase], UnitState]] = {
    "pop": _NODE,
    "console": _NODE,
    "content": _unit_table(((P.STAGING, U.STAGED),)),
    "feature": {},
}
"""What a report with the unit's own generation makes of its state. `steady` on the told release is always DONE."""


def rollout_after(subject: str, status: Status, cause: Cause) -> Status:
    """The status that `cause` leads to, or `TransitionError`, which names the `subject`: a rollout's id."""
    try:
        return ROLLOUT[status, cause]
    except KeyError:
        allowed = sorted(wish.name.lower() for wish in WISHES if (status, wish) in ROLLOUT)
        ways = f"it can still take: {', '.join(allowed)}" if allowed else "it is over; submit a new release"
        verb = cause.name.lower().partition("_")[0]
        raise TransitionError(
            f"rollout {subject} is {status.value} and cannot take `{verb}`; {ways}"
        ) from None


def wave_after(status: WaveStatus, cause: WaveCause) -> WaveStatus:
    """The status that `cause` leads to; a cause that the table does not have for it changes nothing."""
    return WAVE.get((status, cause), status)


def unit_after(lane: str, state: UnitState, phase: Phase, on_release: bool) -> UnitState:
    """What a report for the unit's own generation makes of its state.

    `on_release` says whether the reported release is the one that this generation names. A unit that says it is
    steady on another release did not do what it was told, and is quarantined.
    """
    if phase is Phase.STEADY:
        return UnitState.DONE if on_release else UnitState.QUARANTINED
    return UNITS[lane].get((state, phase), state)


def diagram() -> str:
    """Both status tables as Mermaid text, for docs/lifecycle.md."""
    return "\n".join(
        [
            *("stateDiagram-v2", "  [*] --> PLANNED"),
            *(f"  {start.name} --> {end.name}: {cause.value}" for (start, cause), end in ROLLOUT.items()),
        ]
    )


def wave_diagram() -> str:
    """The wave's table as Mermaid text."""
    return "\n".join(
        [
            *("stateDiagram-v2", "  [*] --> PENDING"),
            *(f"  {start.name} --> {end.name}: {cause.value}" for (start, cause), end in WAVE.items()),
        ]
    )


def unit_diagram(lane: str) -> str:
    """One lane's unit table as Mermaid text."""
    lines = ["stateDiagram-v2"]
    if not UNITS[lane]:
        return "\n".join([*lines, "  [*] --> DONE: with the commit"])
    lines.append("  [*] --> ADMITTED: is told a generation")
    for (start, phase), end in UNITS[lane].items():
        if start is not end:
            lines.append(f"  {start.name} --> {end.name}: says {phase.value}")
    starts = dict.fromkeys(start for start, _ in UNITS[lane])
    lines += [f"  {start.name} --> DONE: says steady on what it was told" for start in starts]
    return "\n".join(lines)
