"""Rehearse progress: how far has a rehearsal come, for who watches?"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from wavetrain.simulate.rehearsal import Stand

LINE_S = 10.0
"""Seconds between two lines about how far it has come, where nobody watches a bar."""
BAR_S = 0.2


class Progress:
    """A bar where a person watches, else a line now and then; on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet and not sys.stderr.isatty()
        self._bar: Callable[[float, str], None] | None = None
        self._close: Callable[[], None] = lambda: None
        self._told_at = time.monotonic()
        self._name, self._of = "", 0

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            bar = Bar(
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            bar.start()
            task = bar.add_task("furnishing", total=1.0)
            self._close = bar.stop
            self._bar = lambda share, text: bar.update(task, completed=share, description=text)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def tell(self, stand: "Stand") -> None:
        """After each tick."""
        self._show(stand.share, f"{stand.now:%a %d %b %H:%M}, {stand.text}, {stand.done} PoPs done")

    def _show(self, share: float, text: str, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now - self._told_at <= (LINE_S if self._bar is None else BAR_S) and not at_once:
            return
        self._told_at = now
        if self._bar is not None:
            self._bar(share, self._name + text)
        elif not self._quiet:
            typer.echo(f"{share:.0%} {self._name}{text}", err=True)

    def begin(self, name: str, of: int = 0) -> None:
        """Another part begins; `of`: how many steps `step` will tell of."""
        self._name, self._of = f"{name}: ", of
        self._show(0.0, "begins", at_once=True)

    def step(self, done: int) -> None:
        """So many of the part's steps are done."""
        self._show(done / self._of if self._of else 0.0, f"{done:,} of {self._of:,}")
