"""History commands: record what checks see of the fleet, and judge recorded changes by a policy."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavetrain.cli.desk import OTHERWISE, Desk, Json, command, exit_codes, text_of

if TYPE_CHECKING:
    from wavetrain.decide.backtest import Outcome
    from wavetrain.decide.evidence_kept import PopWatch
    from wavetrain.evidence.placebo import Lock
    from wavetrain.model.health import PopCounts
    from wavetrain.model.policy import Policy
    from wavetrain.wire.history_file import Head

HEADS = ("history", "label", "new nodes", "pre-period", "stopped", "nodes then", "by", "log e", "answer")
CONFIG = Path("wavetrain.toml")
HOUR_S = 3600.0


@command
def record(
    desk: Desk,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, *.jsonl.")],
    policy: Annotated[Path, typer.Option(help="Whose checks are recorded, as TOML.")],
    seconds: Annotated[float, typer.Option(min=1.0, help="For how long.")] = 3600.0,
    every: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="The length of a bin, in seconds.")
    ] = 10.0,
    change: Annotated[str, typer.Option(help="What the recording is of, for people.")] = "",
    config: Annotated[Path, typer.Option("--config", help="The control plane's configuration.")] = CONFIG,
) -> None:
    """Record what the checks of a policy see of the live fleet, as a history that `backtest` judges.

    Reads the source that `wavetrain.toml` names, beside the control plane. Ctrl-C ends it; what was recorded stays.
    """
    from wavetrain.cli.live_source import bins_of, opened
    from wavetrain.decide.even_bins import EvenBins
    from wavetrain.errors import RefusedError
    from wavetrain.wire.history_file import Head, bin_lines, head_line
    from wavetrain.wire.policy_file import read_policy

    rules = read_policy(text_of(policy), name=str(policy))
    if not rules.verdicts.metrics:
        raise RefusedError(
            f"{policy} names no checks, so there is nothing to record; add [[verdicts.metric]]"
        )
    if out.exists():
        raise RefusedError(f"{out} is there already; name a new file: a recording never replaces one")
    slots, counted, fault = EvenBins(every), 0, ""
    with opened(desk, config, rules) as (source, nodes), out.open("xb") as file:
        file.write(head_line(Head(history=1, change=change, seconds=every)))
        try:
            for bins, fault in bins_of(source, seconds):
                counted += _written(file, slots.take(bins), rules, bin_lines)
                _tell(desk, counted, fault)
        except KeyboardInterrupt:
            pass
        counted += _written(file, slots.end(), rules, bin_lines)
    answer = {"file": str(out), "bins": counted, "nodes": len(nodes), "source": fault or "answers"}
    desk.say(answer, f"{out}: {counted} bins of {every:g} s, {len(nodes)} nodes")


def _written(file: Any, times: Any, policy: "Policy", lines_of: Any) -> int:
    """Write the bins of whole slots, each slot in one piece; how many there were."""
    count = 0
    for bins in times:
        file.write(b"".join(line for seen in bins for line in lines_of(seen, seen.ended, policy)))
        file.flush()
        count += len(bins)
    return count


def _tell(desk: Desk, bins: int, fault: str) -> None:
    import sys

    if not desk.as_json and sys.stderr.isatty():
        typer.echo(f"\r{bins} bins{'; ' + fault if fault else ''}\x1b[K", nl=False, err=True)


def backtest(
    policy: Annotated[Path, typer.Option(help="The policy to try, as TOML.")],
    history: Annotated[Path, typer.Option(help="A recorded change, or a folder of them (*.jsonl).")],
    as_json: Json = False,
) -> None:
    """Where a policy would have stopped recorded changes, with how much exposed, and which of them falsely."""
    with exit_codes():
        from wavetrain.wire.policy_file import read_policy

        rules = read_policy(text_of(policy), name=str(policy))
        files = _files(history)
        told = [_judged(file, rules, place, len(files)) for place, file in enumerate(files, 1)]
        answer = {"histories": [row for row, _ in told], **_summed([row for row, _ in told])}
        desk = Desk(as_json, None, None)
        desk.table(answer, HEADS, [cells for _, cells in told], "there is no history")
        if not as_json:
            typer.echo(
                f"{answer['false_stops']} of {answer['sound']} sound changes stopped falsely; "
                f"{answer['missed']} of {answer['bad']} bad ones missed"
            )


def placebo(
    policy: Annotated[Path, typer.Option(help="The policy whose promise is tried, as TOML.")],
    history: Annotated[Path, typer.Option(help="A recording of the fleet at rest (*.jsonl).")],
    hours: Annotated[float, typer.Option(min=0.1, max=720.0, help="How long one placebo train takes.")] = 5.0,
    splits: Annotated[int, typer.Option(min=1, max=1000, help="Trains of each block, of other nodes.")] = 4,
    every: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="The looks' distance, in seconds.")
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """How many trains that changed nothing a policy would have stopped, and which alpha that certifies.

    Ends with 4 where they do not certify it.
    """
    with exit_codes():
        import msgspec

        from wavetrain.decide.placebos import trains_in
        from wavetrain.errors import RefusedError
        from wavetrain.evidence.placebo import locked
        from wavetrain.wire.policy_file import read_policy

        rules = read_policy(text_of(policy), name=str(policy))
        times = times_of(history, rules, every)
        trains = trains_in(rules, times, hours * HOUR_S, splits)
        if not trains:
            raise RefusedError(
                f"{history} holds no whole {hours:g} h: no placebo train fits; record for longer, or give less --hours"
            )
        lock = locked(trains, rules.verdicts.alpha)
        if as_json:
            import json

            answer = {**msgspec.to_builtins(lock), "holds": lock.holds, "hours": hours}
            typer.echo(json.dumps({**answer, "runs": msgspec.to_builtins(trains)}, indent=2))
        else:
            typer.echo("\n".join(_lock_lines(lock, hours)))
    if not lock.holds:
        raise typer.Exit(OTHERWISE)


def _lock_lines(lock: "Lock", hours: float) -> Iterator[str]:
    from wavetrain.evidence.budget import log_threshold

    least = log_threshold(lock.alpha)
    yield (
        f"{lock.trains} placebo trains of {hours:g} h in {lock.effective} independent blocks of time; "
        f"{lock.over} came to log E {least:.2f}: each a false rollback"
    )
    yield (
        f"so many blocks certify an alpha of {lock.certified:.2g} at best; the policy's {lock.alpha:g} takes "
        f"{lock.needed:,} of them, {lock.needed * hours / 24:,.0f} days"
    )
    if lock.threshold is None:
        yield "threshold by these trains: too few blocks to tell"
    else:
        how = "extrapolated, no certificate" if lock.is_extrapolated else "certified"
        yield f"threshold by these trains: log E {lock.threshold:.2f} ({how}); the test's own is {least:.2f}"
    said = (
        "the promise is certified"
        if lock.holds
        else "under lock = strict a statistical fail would pause and ask"
    )
    yield said


def _files(history: Path) -> list[Path]:
    from wavetrain.errors import RefusedError

    files = sorted(history.glob("*.jsonl")) if history.is_dir() else [history]
    if not files:
        raise RefusedError(
            f"{history} holds no history; record one: wavetrain record, or name a *.jsonl file"
        )
    return files


def _judged(file: Path, policy: "Policy", place: int, many: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    import msgspec

    from wavetrain.decide import backtest as trial
    from wavetrain.wire.history_file import read_bins, read_head

    with _opened(file) as lines, _progress(file, place, many) as told:
        head = read_head(next(lines, b""), file.name)
        outcome = trial.replay(policy, read_bins(told(lines), head, policy, file.name))
    row = {"history": file.name, "change": head.change, "label": head.label, **msgspec.to_builtins(outcome)}
    return {**row, "answer": _answer(head, outcome)}, _cells(file, head, outcome)


def watched(file: Path, policy: "Policy") -> "dict[str, PopWatch]":
    """The pre-periods that a recording holds, by PoP."""
    from wavetrain.decide.visibility import watched_in
    from wavetrain.wire.history_file import read_bins, read_head

    with _opened(file) as lines, _progress(file, 1, 1) as told:
        head = read_head(next(lines, b""), file.name)
        return watched_in(policy, read_bins(told(lines), head, policy, file.name))


def times_of(file: Path, policy: "Policy", every: float) -> "list[list[PopCounts]]":
    """A whole recording in memory, added up to bins of this length."""
    from wavetrain.decide.even_bins import EvenBins
    from wavetrain.wire.history_file import read_bins, read_head

    slots = EvenBins(every)
    with _opened(file) as lines, _progress(file, 1, 1) as told:
        head = read_head(next(lines, b""), file.name)
        read = read_bins(told(lines), head, policy, file.name)
        times = [bins for seen in read for bins in slots.take(seen)]
    return [*times, *slots.end()]


def _opened(file: Path) -> Any:
    from contextlib import contextmanager

    from wavetrain.errors import RefusedError
    from wavetrain.wire.history_file import LINE_BYTES_MAX

    @contextmanager
    def opened() -> Iterator[Iterator[bytes]]:
        try:
            with file.open("rb") as held:
                # A line without an end must not fill the memory: what is too long is cut, and refused by its reader.
                yield iter(lambda: held.readline(LINE_BYTES_MAX + 1), b"")
        except OSError as error:
            raise RefusedError(
                f"{file} cannot be read: {error.strerror}; name a file or folder of histories"
            ) from None

    return opened()


def _progress(file: Path, place: int, many: int) -> Any:
    """A bar on the terminal, by the bytes that were read; nothing where nobody looks."""
    import sys
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import Progress

    @contextmanager
    def shown() -> Iterator[Any]:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(f"{file.name} ({place} of {many})", total=file.stat().st_size)

            def told(lines: Iterator[bytes]) -> Iterator[bytes]:
                for line in lines:
                    bar.advance(task, len(line))
                    yield line

            yield told

    return shown()


def _answer(head: "Head", outcome: "Outcome") -> str:
    if not outcome.number:
        return "no change in it"
    if outcome.halt is None:
        return "missed" if head.label == "bad" else "let through"
    return {"sound": "false stop", "bad": "stopped"}.get(head.label, "stopped")


def _cells(file: Path, head: "Head", outcome: "Outcome") -> tuple[str, ...]:
    halt = outcome.halt
    pre = "-" if outcome.pre_period_s is None else f"{outcome.pre_period_s / 3600:.1f} h"
    return (
        file.name,
        head.label or "-",
        f"{outcome.nodes_changed} of {outcome.nodes}",
        pre,
        "-" if halt is None else f"{halt.after_s / 60:.1f} min",
        "-" if halt is None else str(halt.nodes),
        "-" if halt is None else halt.check,
        f"{outcome.log_e:.2f}",
        _answer(head, outcome) + ("" if halt is None or halt.reverts else " (pauses and asks)"),
    )


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    sound = [row for row in rows if row["label"] == "sound" and row["number"]]
    bad = [row for row in rows if row["label"] == "bad" and row["number"]]
    return {
        "sound": len(sound),
        "false_stops": sum(row["halt"] is not None for row in sound),
        "bad": len(bad),
        "missed": sum(row["halt"] is None for row in bad),
    }
