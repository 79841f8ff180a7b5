"""Demo receipt: what did the releases cost the live sessions, and what became of the features?"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from wavetrain.cli import demo_costs
from wavetrain.cli.demo_features import WentBack
from wavetrain.cli.demo_screen import heights
from wavetrain.cli.demo_verdict import Found
from wavetrain.lab.site_figures import PopFelt

GAP_LIMIT_MS = 250.0
STUBBORN_LIMIT_MS = 1000.0
VERDICT_LIMIT_S = 15.0
RESTORED_LIMIT_S = 10.0


class Chapter(msgspec.Struct, frozen=True):
    """One release as it ended: the rollout as the door tells it, what the sessions felt, which nodes were exposed."""

    rollout: dict[str, Any]
    felt: PopFelt
    exposed: tuple[tuple[str, str], ...]
    """Pairs (PoP, node) that were told to run the release."""
    on_previous: int
    """How many nodes say, when asked themselves, that they run the release from before."""

    @property
    def status(self) -> str:
        """How the rollout ended."""
        return str(self.rollout["status"])


class TakenBack(msgspec.Struct, frozen=True):
    """The release that a person took back, and what became of all features until then."""

    chapter: Chapter
    when: WentBack | None
    features: dict[str, dict[str, Any]]
    """By key, as `demo_features.figures_of` has them."""


def receipt(
    good: Chapter,
    bad: Chapter,
    fix: Chapter,
    taken: TakenBack,
    violated: int,
    seconds: float,
    memory_mb: float,
    made_of: Mapping[str, str],
    found: Found,
) -> dict[str, Any]:
    """The figures as `--json` writes them; every one was measured in this run."""
    evidence = bad.rollout.get("evidence") or {}
    failed_at, restored_at = bad.rollout["failed_at"], bad.rollout["restored_at"]
    first = evidence.get("first_s") or failed_at
    return {
        "good": {"status": good.status, **_travelled(good), **_felt(good.felt)},
        "bad": {
            "status": bad.status,
            "pops_exposed": len({pop for pop, _ in bad.exposed}),
            "nodes_exposed": len(bad.exposed),
            "seconds_to_verdict": round(failed_at - first, 1) if failed_at else None,
            "seconds_to_restored": round(restored_at - failed_at, 1) if restored_at and failed_at else None,
            "nodes_on_previous": bad.on_previous,
            "found_by": msgspec.to_builtins(found),
            **_felt(bad.felt),
        },
        "fix": {
            "status": fix.status,
            "in_later_window": _first_opening(fix) >= _window_of(bad),
            **_travelled(fix),
            **_felt(fix.felt),
        },
        "taken_back": {
            "status": taken.chapter.status,
            "nodes_exposed": len(taken.chapter.exposed),
            "nodes_on_previous": taken.chapter.on_previous,
            "first_drain_after_revert_s": _seconds(taken.when.first_drain_s) if taken.when else None,
            "first_session_left_after_revert_s": _seconds(taken.when.first_left_s) if taken.when else None,
            **_felt(taken.chapter.felt),
        },
        "features": taken.features,
        "train_days": _days(good),
        "guards_violated": violated,
        "control_plane_mb": memory_mb,
        "seconds": round(seconds, 1),
        **made_of,
    }


def ended_well(figures: dict[str, Any]) -> bool:
    """Whether all releases and features ended as they should, and no guard was violated."""
    return bool(
        figures["good"]["status"] == "completed"
        and figures["bad"]["status"] == "reverted"
        and figures["fix"]["status"] == "completed"
        and figures["fix"]["in_later_window"]
        and figures["guards_violated"] == 0
        and features_ended_well(figures["features"], figures["taken_back"])
    )


def features_ended_well(features: dict[str, dict[str, Any]], back: dict[str, Any]) -> bool:
    """Whether each came to accounts and left them with its release alone, known before a session moved, and none cut.

    Those of the release that was taken back are the ones that went off when it did.
    """
    gone = [one for one in features.values() if one["off_after_revert_s"] is not None]
    kept = [one for one in features.values() if one["off_after_revert_s"] is None]
    first_left_s = back["first_session_left_after_revert_s"]
    return bool(
        back["status"] == "reverted"
        and back["sessions_cut"] == 0
        and first_left_s is not None
        and all(one["on_at_most"] > 0 for one in features.values())
        and gone
        and all(one["on_at_end"] == 0 and one["off_after_revert_s"] <= first_left_s for one in gone)
        and kept
        and all(one["on_at_end"] == one["on_at_most"] and one["fell"] == 0 for one in kept)
    )


def show(figures: dict[str, Any], console: Console) -> None:
    """The receipt for people: each figure beside its limit."""
    table = Table(title="Receipt", title_justify="left", title_style="bold", header_style="dim")
    for name in ("", "good 2.0.0", "bad 2.1.0", "fix 2.1.1", "back 2.2.0", "limit"):
        table.add_column(name, justify="left" if not name else "right")
    chapters = [figures[name] for name in ("good", "bad", "fix", "taken_back")]
    for label, limit, values in _rows(chapters):
        table.add_row(label, *values, limit)
    console.print(table)
    bad = figures["bad"]
    console.print(
        f"2.1.0 reached {bad['nodes_exposed']} node of {bad['pops_exposed']} PoP; verdict after "
        f"{bad['seconds_to_verdict']} s of full traffic (limit {VERDICT_LIMIT_S:g} s), everything back "
        f"{bad['seconds_to_restored']} s later (limit {RESTORED_LIMIT_S:g} s); "
        f"{bad['nodes_on_previous']} nodes run 2.0.0."
    )
    for line in _found(bad["found_by"]):
        console.print(line, soft_wrap=True, highlight=False)
    for line in _features(figures["features"], figures["taken_back"]):
        console.print(line, highlight=False)
    if "receipts" in figures:
        console.print(demo_costs.in_words(figures["receipts"]), soft_wrap=True, highlight=False)
    later = "a later window" if figures["fix"]["in_later_window"] else "NO later window"
    console.print(
        f"2.1.1 took {later}. The first train took {figures['train_days']} days of train time; the whole "
        f"demonstration {figures['seconds']} s. Guards violated: {figures['guards_violated']}. "
        f"Control plane: {figures['control_plane_mb']} MB at most. Balancers: {figures['balancer']}."
    )


def _found(by: dict[str, Any]) -> Iterable[str]:
    """What found the bad release, and the files that show it: a line each, never broken, so that they can be opened."""
    if by["check"]:
        yield (
            f"Found by: {by['source']}, check {by['check']}, e = {by['e']:,.0f} of {by['threshold']:,.0f}, "
            f"at {by['at'][:16].replace('T', ' ')} UTC"
        )
    else:
        yield f"Went back without evidence; measured by {by['source']}"
    yield f"  page     {by['page']}"
    yield f"  picture  {by['picture']}"


def _features(features: dict[str, dict[str, Any]], back: dict[str, Any]) -> Iterable[str]:
    """What became of each feature, by the word of the program that evaluated it."""
    for key, one in features.items():
        grew = heights(one["counts"], one["accounts"])
        said = f"{key} {grew} needs {one['needs']}: on for {one['on_at_most']} of {one['accounts']} accounts at most"
        if one["off_after_revert_s"] is not None:
            left_s = back["first_session_left_after_revert_s"]
            left = f"the first session left {left_s} s" if left_s is not None else "no session left"
            yield f"{said}, off for all {one['off_after_revert_s']} s after the revert's commit; {left} after it."
        else:
            lost = f"{one['fell']} LOST it" if one["fell"] else "nobody lost it when releases went back"
            yield f"{said}, {one['on_at_end']} at the end; {lost}."


def _rows(chapters: list[dict[str, Any]]) -> Iterable[tuple[str, str, list[str]]]:
    def each(read: Any) -> list[str]:
        return [str(read(chapter)) for chapter in chapters]

    yield "status", "", each(lambda c: c["status"])
    yield "sessions moved", "", each(lambda c: c["sessions_moved"])
    yield "sessions cut", "0", each(lambda c: c["sessions_cut"])
    yield "heartbeats lost", "0", each(lambda c: c["heartbeats_lost"])
    yield "longest gap, ms", f"{GAP_LIMIT_MS:g}", each(lambda c: c["ack_gap_ms"]["max"])
    yield "operations failed", "", each(lambda c: c["operations_failed"])
    yield "stubborn, ms p99", f"{STUBBORN_LIMIT_MS:g}", each(lambda c: c["stubborn"]["reconnect_ms_p99"])


def _seconds(value: float | None) -> float | None:
    return round(value, 3) if value is not None else None


def _travelled(chapter: Chapter) -> dict[str, int]:
    turns = chapter.rollout["turns"]
    return {
        "pops": sum(turn["phase"] == "done" for turn in turns),
        "nodes": sum(turn["settled"] for turn in turns),
    }


def _felt(felt: PopFelt) -> dict[str, Any]:
    both, stubborn = felt.cooperative, felt.stubborn
    return {
        "sites": felt.kinds["sites"].sessions,
        "users": felt.kinds["users"].sessions,
        "sessions_moved": both.moves,
        "sessions_cut": both.cut,
        "heartbeats_lost": both.lost,
        "heartbeats_sent": both.sent,
        "operations_failed": both.failed,
        "ack_gap_ms": msgspec.to_builtins(both.gap_ms),
        "stubborn": {
            "sites": stubborn.sessions,
            "cut": stubborn.cut,
            "reconnect_ms_p99": stubborn.reconnect_ms.p99,
        },
    }


def _days(chapter: Chapter) -> float:
    departs, over = chapter.rollout["departs"], chapter.rollout["over_at"]
    if not over:
        return 0.0
    return round((datetime.fromisoformat(over) - datetime.fromisoformat(departs)).total_seconds() / 86_400, 2)


def _first_opening(chapter: Chapter) -> datetime:
    return min(datetime.fromisoformat(turn["opens"]) for turn in chapter.rollout["turns"])


def _window_of(chapter: Chapter) -> datetime:
    """The end of the window in which the release failed: of the PoPs that were exposed to it."""
    pops = {pop for pop, _ in chapter.exposed}
    closes = [turn["closes"] for turn in chapter.rollout["turns"] if turn["pop"] in pops]
    return max(datetime.fromisoformat(text) for text in closes)
