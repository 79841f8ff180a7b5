"""Blame command: which of what changed in a recording is to blame?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import Desk, Json, exit_codes, text_of

if TYPE_CHECKING:
    from wavetrain.decide.blame import Explained


def blame(
    policy: Annotated[Path, typer.Option(help="The policy whose checks look, as TOML.")],
    history: Annotated[Path, typer.Option(help="A recording of what was counted (*.jsonl).")],
    changes: Annotated[
        Path | None,
        typer.Option(
            help="What else changed, as JSON lines: cause, node, time. Releases are in the recording."
        ),
    ] = None,
    every: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="Bins are added up to this, in seconds.")
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """Which of several overlapping changes made nodes worse, or who must be held back so that it can be told."""
    with exit_codes():
        import msgspec

        from wavetrain.cli.history_commands import times_of
        from wavetrain.decide.blame import Change, changes_in, explained
        from wavetrain.decide.visibility import watched_in
        from wavetrain.errors import RefusedError
        from wavetrain.wire.changes_file import read_changes
        from wavetrain.wire.policy_file import read_policy

        rules = read_policy(text_of(policy), name=str(policy))
        times = times_of(history, rules, every)
        bins = [seen for slot in times for seen in slot]
        found = tuple(Change(cause=f"release {change.cause}", at=change.at) for change in changes_in(bins))
        if changes is not None:
            found += read_changes(text_of(changes).encode().splitlines(), changes.name)
        if not found:
            raise RefusedError(f"nothing changed in {history}; name what did with --changes")
        first = min(at for change in found for at in change.at.values())
        before = [slot for slot in times if slot[0].ended <= first]
        told = explained(bins, found, rules, watched_in(rules, before))
        desk = Desk(as_json, None, None)
        desk.say(msgspec.to_builtins(told), "\n".join(_lines(told)))


def _lines(told: "Explained") -> list[str]:
    lines = [told.text]
    lines += [
        f"  {item.cause}: {item.share:.1%}, log e {item.log_e:.2f} alone, {item.log_e_in_company:.2f} in company"
        for item in told.blame.causes
    ]
    lines.append(f"  none of them: {told.blame.nobody:.1%}; outside: log e {told.blame.outside_log_e:.2f}")
    return lines
