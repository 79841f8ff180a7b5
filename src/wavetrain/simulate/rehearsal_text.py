"""Rehearsal text: how is the outcome of a rehearsal told in lines?"""

from collections.abc import Iterator

from wavetrain.simulate.blast import Reach
from wavetrain.simulate.outcome import FaultLine, Outcome

RING_WIDE = 12
NAMED = 10
"""So many nodes that were left behind are named."""


def lines(said: Outcome) -> Iterator[str]:
    """The whole outcome: the calendar, whom each wave touches, the undo, persons, the fault, and the sum."""
    yield f"{said.rollout or 'the release'} departs {said.departs:%a %Y-%m-%d %H:%M} UTC"
    if said.policy:
        yield f"policy {said.policy}"
    yield ""
    yield from _calendar(said)
    yield ""
    yield from _waves(said)
    yield ""
    yield f"everything could have been taken back within {_span(said.undo_max_s)} at any moment"
    if said.asked:
        yield from _persons(said)
    if said.fault is not None:
        yield from _fault(said.fault)
    yield from _end(said)


def fault_lines(said: Outcome) -> Iterator[str]:
    """The outcome of a run with a fault: what it exposed, and the sum; the rest is as in the run without."""
    if said.fault is not None:
        yield from _fault(said.fault)
    yield from _end(said)


def _calendar(said: Outcome) -> Iterator[str]:
    """Nights by rings, with the PoPs worked on; then what has the release by then."""
    ring_of = {str(wave.ordinal): wave.ring for wave in said.waves}
    rings = {ring: max(7, min(RING_WIDE, len(ring) + 1)) for ring in ring_of.values()}
    head = "".join(f"{ring[: wide - 1]:>{wide}}" for ring, wide in rings.items())
    yield f"{'PoPs of ring':<12}{head} | by then: PoPs   sites  single  accounts  undo"
    for night in said.nights:
        cells = dict.fromkeys(rings, 0)
        for wave, count in night.waves.items():
            cells[ring_of[wave]] += count
        row = "".join(f"{cells[ring] or '.':>{wide}}" for ring, wide in rings.items())
        reach = night.so_far
        yield (
            f"{night.day:%a %d %b}  {row} | {reach.pops:>13}{reach.sites:>8}{reach.single_homed:>8}"
            f"{reach.accounts:>10}  {_span(night.undo_s)}"
        )


def _waves(said: Outcome) -> Iterator[str]:
    yield f"{'wave':<16}{'status':<14}{'PoPs':>6}{'nodes':>8}{'sites':>8}{'single':>8}{'accounts':>10}  undo after it"
    for wave in said.waves:
        reach, undo = wave.reach, "-" if wave.undo_s is None else _span(wave.undo_s)
        yield (
            f"{f'{wave.ordinal} {wave.ring}'[:15]:<16}{wave.status:<14}{reach.pops:>6}{reach.nodes:>8}"
            f"{reach.sites:>8}{reach.single_homed:>8}{reach.accounts:>10}  {undo}"
        )


def _fault(fault: FaultLine) -> Iterator[str]:
    if fault.stopped:
        after = f" {_span(fault.seconds)} after it began" if fault.seconds is not None else ""
        yield f"fault {fault.fault}: stopped{after}; exposed by then: {_reach(fault.at_stop)}"
    else:
        yield f"fault {fault.fault}: NOT stopped within the train; exposed: {_reach(fault.at_stop)}"
    if fault.restored_s is not None:
        yield f"  everything was back {_span(fault.restored_s)} after the stop"


def _end(said: Outcome) -> Iterator[str]:
    """Who waits or is left, what was broken, and the sum in two lines; the last says what it cost."""
    for wait in said.waiting:
        until = f", until {wait.until:%a %d %b %H:%M} UTC" if wait.until is not None else ""
        pops = wait.one if wait.pops == 1 else f"{wait.one} and {wait.pops - 1} more"
        yield f"waits in wave {wait.wave} {wait.ring}: {pops}: {wait.reason}{until}"
    if said.residue_nodes:
        more = f" and {said.residue - NAMED} more" if said.residue > NAMED else ""
        yield f"left behind: {', '.join(said.residue_nodes[:NAMED])}{more}"
    yield from (f"BROKEN {text}" for text in said.broken)
    cause = f" ({said.cause})" if said.cause else ""
    left = "wait" if said.waiting else "not reached"
    waits = f", {said.pops_waiting} {left}" if said.pops_waiting else ""
    back = f", {said.pops_back} went back" if said.pops_back else ""
    yield (
        f"{said.status}{cause}: {said.pops_done} of {said.pops} PoPs done{back}{waits}, "
        f"{_count(said.residue, 'node')} left behind; {_count(said.windows_used, 'night')}, "
        f"{_count(said.windows_missed, 'window')} missed"
    )
    checked = f"{_count(said.changes_checked, 'change')} and {_count(said.sweeps, 'sweep')}"
    cost = f"{said.seconds:.1f} s ({said.cpu_seconds:.1f} s of the processor), {said.peak_rss_mb} MB"
    yield f"{_count(said.guards_violated, 'guard')} violated in {checked}; {said.ticks} ticks in {cost}"


def _persons(said: Outcome) -> Iterator[str]:
    """What they were asked, and what came of it."""
    asked = _listed(said.asked)
    yield f"persons were asked {_times(sum(said.asked.values()))}: {asked}"
    parts = []
    if said.answers:
        after = f"after {_span(said.answer_median_s)} in the median, {_span(said.answer_max_s)} at most"
        parts.append(f"answered {said.answers} {after} ({_listed(said.answered)})")
    if said.ended_unasked:
        parts.append(f"no cause any more when somebody looked: {said.ended_unasked}")
    if said.unanswered:
        parts.append(f"unanswered at the end: {said.unanswered}")
    yield "  " + ", ".join(parts)


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))


def _reach(reach: Reach) -> str:
    return (
        f"{_count(reach.nodes, 'node')} in {_count(reach.pops, 'PoP')}, {_count(reach.sites, 'site')} "
        f"({reach.single_homed} single-homed), {_count(reach.accounts, 'account')}"
    )


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02d}" if hours < 48 else f"{hours / 24:.1f} days"
