"""Rehearsal text: how is the outcome of a rehearsal told in lines?"""

from collections.abc import Iterator

from wavetrain.simulate.blast import Reach
from wavetrain.simulate.outcome import FaultLine, Outcome


def lines(said: Outcome) -> Iterator[str]:
    """The whole outcome: the calendar, whom each wave touches, the undo, the fault, and the sum."""
    yield f"{said.rollout or 'the release'} departs {said.departs:%a %Y-%m-%d %H:%M} UTC"
    if said.policy:
        yield f"policy {said.policy}"
    yield ""
    yield from _calendar(said)
    yield ""
    yield from _waves(said)
    yield ""
    yield f"everything could have been taken back within {_span(said.undo_max_s)} at any moment"
    if said.fault is not None:
        yield from _fault(said.fault)
    if said.asked:
        yield from _persons(said)
    yield from (f"BROKEN {text}" for text in said.broken)
    yield _sum(said)


def _calendar(said: Outcome) -> Iterator[str]:
    """Nights by waves, with the PoPs worked on."""
    rings = [wave.ring for wave in said.waves]
    head = [f"{wave.ordinal} {wave.ring}"[:10] for wave in said.waves]
    yield "night      " + " ".join(f"{name:>10}" for name in head) + "  PoPs"
    for night in said.nights:
        cells = [night.waves.get(str(ordinal), 0) for ordinal in range(len(rings))]
        row = " ".join(f"{count or '.':>10}" for count in cells)
        yield f"{night.day:%a %d %b} {row} {sum(cells):>5}"


def _waves(said: Outcome) -> Iterator[str]:
    yield f"{'wave':<16}{'status':<14}{'PoPs':>6}{'nodes':>8}{'sites':>8}{'single':>8}{'accounts':>9}{'undo':>10}"
    for wave in said.waves:
        reach, undo = wave.reach, "" if wave.undo_s is None else _span(wave.undo_s)
        yield (
            f"{f'{wave.ordinal} {wave.ring}'[:15]:<16}{wave.status:<14}{reach.pops:>6}{reach.nodes:>8}"
            f"{reach.sites:>8}{reach.single_homed:>8}{reach.accounts:>9}{undo:>10}"
        )


def _fault(fault: FaultLine) -> Iterator[str]:
    if fault.stopped:
        after = f" {_span(fault.seconds)} after it began" if fault.seconds is not None else ""
        yield f"fault {fault.fault}: stopped{after}; exposed by then: {_reach(fault.at_stop)}"
    else:
        yield f"fault {fault.fault}: NOT stopped within the train; exposed: {_reach(fault.at_stop)}"
    if fault.restored_s is not None:
        yield f"everything was back {_span(fault.restored_s)} after the stop"


def _persons(said: Outcome) -> Iterator[str]:
    """What they were asked, and what came of it."""
    asked = _listed(said.asked)
    yield f"persons were asked {_times(sum(said.asked.values()))}: {asked}"
    parts = []
    if said.answers:
        after = f"after {_span(said.answer_median_s)} in the median, {_span(said.answer_max_s)} at most"
        parts.append(f"answered {said.answers} {after} ({_listed(said.answered)})")
    if said.ended_unasked:
        parts.append(f"{said.ended_unasked} had ended by themselves when somebody looked")
    if said.unanswered:
        parts.append(f"{said.unanswered} unanswered at the end")
    yield "  " + ", ".join(parts)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))


def _reach(reach: Reach) -> str:
    return (
        f"{reach.nodes} nodes in {reach.pops} PoPs, {reach.sites} sites ({reach.single_homed} single-homed), "
        f"{reach.accounts} accounts"
    )


def _sum(said: Outcome) -> str:
    cause = f" ({said.cause})" if said.cause else ""
    waits = f", {said.pops_waiting} wait" if said.pops_waiting else ""
    back = f", {said.pops_back} went back" if said.pops_back else ""
    return (
        f"{said.status}{cause}: {said.pops_done} of {said.pops} PoPs done{back}{waits}, {said.residue} nodes left "
        f"behind; {said.windows_used} nights, {said.windows_missed} windows missed; {said.guards_violated} guards "
        f"violated in {said.changes_checked} changes and {said.sweeps} sweeps; {said.ticks} ticks in "
        f"{said.seconds:.1f} s, {said.peak_rss_mb} MB"
    )


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02d}" if hours < 48 else f"{hours / 24:.1f} days"
