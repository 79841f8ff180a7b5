"""Outcome: how did a rehearsal end, in figures?"""

from collections import Counter
from datetime import UTC, date, datetime
from statistics import median

import msgspec

from wavetrain.model.fleet import PopId
from wavetrain.model.rollout import Turn, Wave
from wavetrain.simulate.blast import Blast, Reach
from wavetrain.simulate.invariants import OVER
from wavetrain.simulate.rehearsal import Rehearsal

BROKEN_SHOWN = 20
RESIDUE_SHOWN = 1_000
UNKNOWN = datetime.max.replace(tzinfo=UTC)


class WaveLine(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of the train."""

    ordinal: int
    ring: str
    status: str
    reach: Reach
    """What was planned to be touched in it."""
    so_far: Reach
    """With all waves before it."""
    passed_at: datetime | None
    undo_s: float | None
    """At its end: how long it would have taken to take everything back; None while it has not passed."""


class NightLine(msgspec.Struct, frozen=True, kw_only=True):
    """One night: the windows that open on this day (UTC)."""

    day: date
    waves: dict[str, int]
    """By wave: the PoPs that were worked on."""
    so_far: Reach
    """All that has the release at its end."""
    undo_s: float
    """How long it would have taken then to take everything back."""


class WaitLine(msgspec.Struct, frozen=True, kw_only=True):
    """PoPs of a wave that wait for one thing at the end."""

    wave: int
    ring: str
    pops: int
    one: str
    """One of them."""
    reason: str
    until: datetime | None
    """When the first of them ends, where that is known."""


class FaultLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the fault of a release exposed before it was stopped."""

    fault: str
    stopped: bool
    seconds: float | None
    """From the beginning of the fault to the stop."""
    at_start: Reach
    """PoPs with a node on the release when the fault began; `nodes` counts those nodes."""
    at_stop: Reach
    """The same when it was stopped, or at the end."""
    restored_s: float | None
    """From the stop until everything was back."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a rehearsal; `guards_violated` must be 0."""

    pops: int
    nodes: int
    train_days: float
    ticks: int
    seconds: float
    cpu_seconds: float
    """Of the processor: fewer than `seconds` where others work, too."""
    peak_rss_mb: int
    guards_violated: int
    windows_used: int
    """Nights in which anything moved."""
    status: str
    seed: int
    policy: str
    """Where it comes from, and who goes when."""
    rollout: str
    departs: datetime
    ended: datetime
    cause: str
    pop_windows: int
    """PoPs times the windows that each used."""
    windows_missed: int
    pops_done: int
    pops_back: int
    pops_waiting: int
    waiting: tuple[WaitLine, ...]
    """Why PoPs wait at the end."""
    residue: int
    """Nodes that the rollout left behind."""
    residue_nodes: tuple[str, ...]
    """The first of them."""
    undo_max_s: float
    """The longest that taking everything back would have taken at any moment."""
    changes_checked: int
    sweeps: int
    bins: int
    reports_refused: int
    asked: dict[str, int]
    """By reason: how often a person was asked."""
    answered: dict[str, int]
    """By deed: how often one was the answer, or part of it."""
    answers: int
    answer_median_s: float
    """From a question to its answer."""
    answer_max_s: float
    ended_unasked: int
    """Questions that had no cause any more when a person came to look."""
    unanswered: int
    """Questions that stood at the end."""
    waves: tuple[WaveLine, ...]
    nights: tuple[NightLine, ...]
    fault: FaultLine | None
    broken: tuple[str, ...]


def outcome(run: Rehearsal, seconds: float, cpu_seconds: float, peak_rss_mb: int) -> Outcome:
    """The figures of a run that has come to its end, with what it cost."""
    plan, book, rollout, duty = run.plan, run.book, run.rollout, run.duty
    blast = Blast(plan.fleet)
    residue = tuple[str, ...](rollout.residue) if rollout is not None else ()
    visits = list(book.visits.values())
    ends = {what: sum(visit.outcome == what for visit in visits) for what in ("done", "went back")}
    round_s = undo_round_s(run)
    return Outcome(
        pops=len(plan.fleet.pops),
        nodes=sum(len(pop.nodes) for pop in plan.fleet.pops.values()),
        train_days=plan.days,
        ticks=run.ticks,
        seconds=round(seconds, 2),
        cpu_seconds=round(cpu_seconds, 2),
        peak_rss_mb=peak_rss_mb,
        guards_violated=len(run.broken),
        windows_used=len(book.nights),
        status=rollout.status.value if rollout is not None else "planned",
        seed=plan.mishaps.seed,
        policy=plan.rules,
        rollout=rollout.id if rollout is not None else "",
        departs=run.departs,
        ended=run.now,
        cause=rollout.cause if rollout is not None else "",
        pop_windows=len(book.used),
        windows_missed=sum(visit.missed for visit in visits),
        pops_done=ends["done"],
        pops_back=ends["went back"],
        pops_waiting=len(plan.fleet.pops) - ends["done"] - ends["went back"],
        waiting=_waiting(run),
        residue=len(residue),
        residue_nodes=residue[:RESIDUE_SHOWN],
        undo_max_s=book.rounds * round_s,
        changes_checked=run.sentinel.checked,
        sweeps=run.sweeps,
        bins=run.telemetry.bins,
        reports_refused=run.refused,
        asked=duty.asked,
        answered=duty.answered,
        answers=len(duty.took_s),
        answer_median_s=median(duty.took_s) if duty.took_s else 0.0,
        answer_max_s=max(duty.took_s, default=0.0),
        ended_unasked=duty.by_itself,
        unanswered=duty.unanswered,
        waves=_waves(run, blast, round_s),
        nights=_nights(run, blast, round_s),
        fault=_fault(run, blast) if plan.fault.text else None,
        broken=tuple(run.broken[:BROKEN_SHOWN]),
    )


def undo_round_s(run: Rehearsal) -> float:
    """How long one round of going back is taken to last: the longest update that was seen, on the grid of ticks."""
    step = run.plan.step_s
    return -(-run.crowd.longest_s // step) * step


def _waves(run: Rehearsal, blast: Blast, round_s: float) -> tuple[WaveLine, ...]:
    book = run.book
    lines, before = [], []
    for wave in sorted(run.ground.all(Wave), key=lambda wave: wave.ordinal):
        mine = [pop for pop, visit in book.visits.items() if visit.wave == wave.ordinal]
        before += mine
        passed_at, rounds = book.wave_ends.get(wave.ordinal, (None, None))
        lines.append(
            WaveLine(
                ordinal=wave.ordinal,
                ring=wave.ring,
                status=wave.status.value,
                reach=blast.of(mine),
                so_far=blast.of(before),
                passed_at=passed_at,
                undo_s=rounds * round_s if rounds is not None else None,
            )
        )
    return tuple(lines)


def _nights(run: Rehearsal, blast: Blast, round_s: float) -> tuple[NightLine, ...]:
    nights: dict[date, dict[PopId, int]] = {}
    for pop, opens in run.book.used:
        nights.setdefault(opens.date(), {})[pop] = run.book.visits[pop].wave
    lines: list[NightLine] = []
    so_far: set[PopId] = set()
    for day, worked in sorted(nights.items()):
        so_far |= worked.keys()
        counts = Counter(worked.values())
        lines.append(
            NightLine(
                day=day,
                waves={str(wave): count for wave, count in sorted(counts.items())},
                so_far=blast.of(so_far),
                undo_s=run.book.night_rounds[day] * round_s,
            )
        )
    return tuple(lines)


def _waiting(run: Rehearsal) -> tuple[WaitLine, ...]:
    """A PoP's own hold, else its wave's, else the rollout's: as holds are inherited."""
    rollout = run.rollout
    if rollout is None or rollout.status in OVER:
        return ()
    waves = {wave.ordinal: wave for wave in run.ground.all(Wave)}
    found: dict[tuple[int, str], list[tuple[datetime, str]]] = {}
    for turn in run.ground.all(Turn):
        if turn.at_end:
            continue
        holds = (turn.hold, waves[turn.wave].hold, rollout.hold)
        hold = next((hold for hold in holds if hold is not None), None)
        reason = hold.reason.value if hold is not None else "nothing is said"
        until = hold.until if hold is not None and hold.until is not None else UNKNOWN
        found.setdefault((turn.wave, reason), []).append((until, turn.pop))
    return tuple(
        WaitLine(
            wave=wave,
            ring=waves[wave].ring,
            pops=len(those),
            one=min(those)[1],
            reason=reason,
            until=None if min(those)[0] == UNKNOWN else min(those)[0],
        )
        for (wave, reason), those in sorted(found.items())
    )


def _fault(run: Rehearsal, blast: Blast) -> FaultLine:
    book, rollout = run.book, run.rollout
    at_stop = book.at_stop if book.at_stop is not None else book.exposed
    restored = rollout is not None and rollout.restored_at > 0 and book.stopped_at > 0
    return FaultLine(
        fault=run.plan.fault.text,
        stopped=book.at_stop is not None,
        seconds=book.stopped_at - book.fault_at if book.at_stop is not None and book.fault_at else None,
        at_start=_exposed(blast, book.at_fault),
        at_stop=_exposed(blast, at_stop),
        restored_s=rollout.restored_at - book.stopped_at if restored and rollout is not None else None,
    )


def _exposed(blast: Blast, nodes: dict[PopId, int]) -> Reach:
    reach = blast.of(nodes)
    return msgspec.structs.replace(reach, nodes=sum(nodes.values()))
