"""Simulate command: do the guards hold in these seeded histories?"""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import OTHERWISE, Json, exit_codes
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.simulate.cut import Cut
    from wavetrain.simulate.histories import Tally
    from wavetrain.simulate.history import Decide, Outcome
    from wavetrain.simulate.shrink import Shrunk

LINES_MAX = 50
"""Of more histories than that only the sum is told, with how far it has come."""
PROGRESS_S = 10.0
TRACE_LINES = 40

Seed = Annotated[int, typer.Option("--seed", help="The first seed.")]
Count = Annotated[int, typer.Option("--count", help="How many seeds, one history each.")]
Jobs = Annotated[int, typer.Option("--jobs", help="In how many processes.")]
Ticks = Annotated[
    int, typer.Option("--ticks", help="Stop each history after so many ticks; 0: when it is over.")
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only", metavar="NAMES", help="Let only these ingredients happen, with commas between them."
    ),
]
Without = Annotated[
    str,
    typer.Option("--without", metavar="NAMES", help="Leave these ingredients out, with commas between them."),
]
Steps = Annotated[bool, typer.Option("--clock-steps", help="Step clocks by an hour now and then.")]
Trace = Annotated[bool, typer.Option("--trace", help="Tell what happened last in the last history.")]
Crashes = Annotated[
    bool,
    typer.Option(
        "--crash-everywhere",
        help="Play a short history of each seed again and again, with a crash just before and just after each commit.",
    ),
]


def simulate_with(decide: "Decide | None" = None) -> Callable[..., None]:
    """The command, for a decider under test; by default the planner."""

    def simulate(
        seed: Seed = 0,
        count: Count = 20,
        jobs: Jobs = 1,
        ticks: Ticks = 0,
        only: Only = None,
        without: Without = "",
        clock_steps: Steps = False,
        trace: Trace = False,
        crash_everywhere: Crashes = False,
        as_json: Json = False,
    ) -> None:
        """Play seeded histories of a practice fleet, with every guard checked after every tick.

        Stops at the first history in which a guard breaks, and looks for the shortest one in which it still does.
        """
        with exit_codes():
            from wavetrain.decide import planner
            from wavetrain.simulate.cut import Cut, names

            if ticks < 0:
                raise RefusedError(f"--ticks is {ticks}; give 0 or more")
            try:
                kept = names(only) if only is not None else None
                cut = Cut(only=kept, without=names(without), ticks=ticks, clock_steps=clock_steps)
            except ValueError as error:
                raise RefusedError(f"--only, --without: {error}") from None
            rehearsal = _Rehearsal(seed, count, jobs, decide or planner.decide, cut, as_json)
            rehearsal.drill() if crash_everywhere else rehearsal.play(trace)

    return simulate


simulate = simulate_with()


class _Rehearsal:
    """One call of the command."""

    def __init__(self, seed: int, count: int, jobs: int, decide: "Decide", cut: "Cut", as_json: bool) -> None:
        self._seed, self._count, self._jobs = seed, count, jobs
        self._decide, self._cut, self._as_json = decide, cut, as_json
        self._began = self._told_at = monotonic()

    def play(self, trace: bool) -> None:
        """The histories, until a guard breaks."""
        from wavetrain.simulate.cut import unknown
        from wavetrain.simulate.histories import Tally, line, played

        try:
            histories = played(self._seed, self._count, jobs=self._jobs, decide=self._decide, cut=self._cut)
        except ValueError as error:
            raise RefusedError(f"--count, --jobs: {error}") from None
        tally = Tally()
        last: Outcome | None = None
        for outcome in histories:
            tally.add(outcome)
            last = outcome
            misspelt = unknown(self._cut, outcome.ingredients) if self._count == 1 else []
            if misspelt:
                known = ", ".join(outcome.ingredients)
                raise RefusedError(f"seed {outcome.seed} has no ingredient {misspelt[0]}; it has: {known}")
            if self._count <= LINES_MAX or outcome.broken:
                self._say(line(outcome))
            self._tell_progress(tally)
            if outcome.broken:
                break
        if last is None or not last.broken:
            tale = self._tale(last.seed, self._cut) if trace and last is not None else []
            self._end(tally, None, tale)
            return
        shortest = self._shortest(last)
        tale = self._tale(shortest.seed, shortest.cut)
        self._end(tally, shortest, tale)
        raise typer.Exit(OTHERWISE)

    def drill(self) -> None:
        """A crash at each commit of a short history, for each seed."""
        from wavetrain.simulate.drill import Crashed, crash_everywhere
        from wavetrain.simulate.histories import COUNT_MAX

        if not 1 <= self._count <= COUNT_MAX:
            raise RefusedError(f"--count: count is {self._count}; give 1 to {COUNT_MAX}")
        wrong: list[Crashed] = []
        played = 0
        for seed in range(self._seed, self._seed + self._count):
            tried = list(crash_everywhere(seed, self._decide))
            bad = [crash for crash in tried if crash.wrong]
            played, wrong = played + len(tried), wrong + bad
            self._say(f"seed {seed}: {len(tried)} crashes, {len(bad)} change the end or break a guard")
            for crash in bad:
                where = "after" if crash.after else "before"
                self._say(f"  {where} commit {crash.commit}: {crash.wrong[0]}")
        if self._as_json:
            import msgspec

            said = {"crashes": played, "broken": len(wrong), "wrong": wrong}
            typer.echo(msgspec.json.encode(said).decode())
        if wrong:
            raise typer.Exit(OTHERWISE)

    def _say(self, text: str) -> None:
        if not self._as_json:
            typer.echo(text)

    def _tell_progress(self, tally: "Tally") -> None:
        now = monotonic()
        if self._count <= LINES_MAX or now - self._told_at < PROGRESS_S:
            return
        self._told_at = now
        rate = tally.histories / (now - self._began)
        left = (self._count - tally.histories) / rate
        text = f"{tally.histories} of {self._count} histories, {rate:.1f}/s, {left:.0f} s left, {tally.broken} broken"
        typer.echo(text, err=True)

    def _shortest(self, outcome: "Outcome") -> "Shrunk":
        from wavetrain.simulate.shrink import shrink

        return shrink(outcome, self._decide, self._cut)

    def _tale(self, seed: int, cut: "Cut") -> list[str]:
        """The history once more, for its last events."""
        from wavetrain.simulate.history import History

        told: History = History(seed, self._decide, cut)
        told.play()
        return told.tale.lines(told.house.store, TRACE_LINES)

    def _end(self, tally: "Tally", shortest: "Shrunk | None", tale: list[str]) -> None:
        if self._as_json:
            typer.echo(tally.as_json(shortest, tale).decode())
            return
        if shortest is not None:
            left = ", ".join(shortest.ingredients) or "nothing"
            typer.echo(f"{shortest.guard} breaks still within {shortest.cut.ticks} ticks, with only: {left}")
            typer.echo("its last events:")
        for text in tale:
            typer.echo(f"  {text}")
        if shortest is not None:
            typer.echo("play it again:")
            typer.echo(f"  {shortest.command}")
        typer.echo(tally.line())
