"""Demo screen: what does a person see while releases travel?"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from wavetrain.cli.demo_features import Bar

LINES = 8
EVIDENCE_CELLS, FEATURE_CELLS = 30, 20
HEIGHTS = "▁▂▃▄▅▆▇█"
COUNTS_MAX = 18
"""So many changes of a feature are shown, the last ones."""
UNIT_STYLES = {
    "new": ("█", "green"),
    "old": ("█", "bright_black"),
    "moving": ("▒", "yellow"),
    "back": ("▒", "red"),
    "lost": ("×", "red"),
}


class Screen:
    """A live picture on a terminal; plain lines of the journal where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        )
        self._lines: list[str] = []
        self._title = ""

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Take the picture away; what was printed stays."""
        if self._live is not None:
            self._live.stop()

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self._title = title
        self._lines.clear()
        self._console.print(Text(title, style="bold"))

    def waiting(self, what: str, there: int, wanted: int) -> None:
        """Show how the stage is being set."""
        if self._live is not None:
            self._live.update(Text(f"starting: {there} of {wanted} {what}", style="dim"))

    def say(self, at: str, text: str, subject: str) -> None:
        """A line of the journal; it names its subject where its text does not."""
        said = text if text.startswith(subject) or subject == "clock" else f"{subject}: {text}"
        line = f"{_moment(at)}  {said}"
        self._lines.append(line)
        if self._live is None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A line beside the story, such as where to look."""
        self._lines.append(text)
        if self._live is None:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def warn(self, broken: Sequence[str]) -> None:
        """Guards that did not hold."""
        for text in broken:
            self._console.print(Text(f"guard violated: {text}", style="bold red"))

    def show(
        self, status: dict[str, Any], rollout: dict[str, Any], sessions: int, features: Sequence[Bar] = ()
    ) -> None:
        """The state of the rollout now."""
        if self._live is not None:
            self._live.update(picture(status, rollout, sessions, self._title, self._lines[-LINES:], features))


def picture(
    status: dict[str, Any],
    rollout: dict[str, Any],
    sessions: int,
    title: str,
    lines: list[str],
    features: Sequence[Bar] = (),
) -> RenderableType:
    """One frame: the train, a bar per PoP and per feature, the evidence against its threshold, the last decisions."""
    head = Text.assemble(
        ("train time ", "dim"),
        _moment(status["now"]),
        ("   live sessions ", "dim"),
        str(sessions),
        ("   rollout ", "dim"),
        (rollout["status"], "bold red" if rollout["status"] == "reverting" else "bold"),
    )
    return Panel(
        Group(
            head,
            Text(),
            _pops(rollout),
            Text(),
            *_features(features),
            *_evidence(rollout),
            *_waits(rollout),
            Text(),
            *_journal(lines),
        ),
        title=f"[bold]{title}[/]",
        title_align="left",
        border_style="dim",
    )


def _pops(rollout: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=True)
    for name in ("PoP", "nodes", "wave", "state", "waits for"):
        table.add_column(name)
    rings = {wave["ordinal"]: wave["ring"] for wave in rollout["waves"]}
    for turn in rollout["turns"]:
        hold = turn["hold"]
        moving = ", ".join(f"{unit['unit']} {unit['state']}" for unit in turn["moving"])
        waits = moving or (_hold(hold) if hold else "")
        table.add_row(
            turn["pop"],
            bar(turn),
            rings.get(turn["wave"], ""),
            turn["phase"],
            Text(waits, overflow="ellipsis"),
        )
    return table


def bar(turn: dict[str, Any]) -> Text:
    """A cell pair per node: new, old, moving, going back, lost."""
    back = turn["phase"] in ("going back", "gone back")
    moving, lost = len(turn["moving"]), len(turn["quarantined"])
    settled = turn["to_go_back"] if back else turn["settled"]
    old = max(0, turn["units"] - settled - moving - lost)
    text = Text()
    kinds = [("new", settled), ("back" if back else "moving", moving), ("lost", lost), ("old", old)]
    for kind, count in kinds:
        cell, style = UNIT_STYLES[kind]
        text.append(f"{cell * 2} " * count, style=style)
    return text


def _features(bars: Sequence[Bar]) -> Iterable[RenderableType]:
    """A line each: how many accounts have it, and what it needs."""
    if not bars:
        return
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=True)
    for name in ("feature", "accounts", "on", "needs", "so far"):
        table.add_column(name, justify="right" if name == "on" else "left")
    for bar in bars:
        filled = -(-bar.on * FEATURE_CELLS // max(1, bar.accounts))  # one account is a cell already
        cells = Text.assemble(("━" * filled, "cyan"), ("─" * (FEATURE_CELLS - filled), "bright_black"))
        table.add_row(
            bar.key,
            cells,
            f"{bar.on} of {bar.accounts}",
            Text(bar.needs, style="dim"),
            Text(heights(bar.counts, bar.accounts), style="cyan"),
        )
    yield table
    yield Text()


def heights(counts: Sequence[int], accounts: int) -> str:
    """A column for each count, the last ones; none is lower than one that stands for at least one account."""
    steps = len(HEIGHTS) - 1
    return "".join(HEIGHTS[-(-count * steps // max(1, accounts))] for count in counts[-COUNTS_MAX:])


def _evidence(rollout: dict[str, Any]) -> list[RenderableType]:
    evidence = rollout.get("evidence")
    if not evidence or not evidence["log_threshold"]:
        return []
    ratio = max(0.0, min(1.0, evidence["log_e"] / evidence["log_threshold"]))
    filled = round(ratio * EVIDENCE_CELLS)
    style = "red" if ratio >= 1 else "yellow" if ratio > 0.5 else "green"
    line = Text.assemble(
        ("evidence against it  ", "dim"),
        ("━" * filled, style),
        ("─" * (EVIDENCE_CELLS - filled), "bright_black"),
        f"  log e {evidence['log_e']:+.2f} of {evidence['log_threshold']:.2f}",
    )
    return [line]


def _waits(rollout: dict[str, Any]) -> list[RenderableType]:
    hold = rollout["hold"]
    return [Text.assemble(("waits: ", "dim"), _hold(hold))] if hold else []


def _journal(lines: list[str]) -> list[RenderableType]:
    return [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in lines]


def _hold(hold: dict[str, Any]) -> str:
    detail = f" ({hold['detail']})" if hold["detail"] else ""
    until = f" until {_moment(hold['until'])}" if hold["until"] else ""
    return f"{hold['reason']}{detail}{until}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%a %d %b %H:%M")
