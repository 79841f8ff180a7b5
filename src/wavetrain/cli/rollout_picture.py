"""Rollout picture: how does a rollout look to a person who watches it?"""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

CELLS_MAX = 40
EVIDENCE_CELLS = 30


def picture(rollout: dict[str, Any]) -> RenderableType:
    """Its status, a bar per PoP with what it waits for, and the evidence against its threshold."""
    head = Text.assemble(
        (rollout["id"], "bold"),
        "  ",
        rollout["previous"] or "nothing",
        " -> ",
        rollout["number"],
        "  ",
        _status(rollout),
    )
    if rollout["cause"]:
        head.append(f"  {rollout['cause']}")
    parts: list[RenderableType] = [head]
    if rollout["hold"]:
        parts.append(Text(f"waits: {hold_text(rollout['hold'])}", "yellow"))
    if rollout["turns"]:
        parts.append(_turns(rollout))
    if rollout["evidence"] and rollout["evidence"]["log_threshold"]:
        parts.append(_evidence(rollout["evidence"]))
    return Group(*parts)


def hold_text(hold: dict[str, Any]) -> str:
    """A hold in one line."""
    detail = f" ({hold['detail']})" if hold["detail"] else ""
    until = f", until {hold['until'][:16].replace('T', ' ')} UTC" if hold["until"] else ""
    return f"{hold['reason']}{detail}{until}{'; a person is asked' if hold['asks'] else ''}"


def _status(rollout: dict[str, Any]) -> tuple[str, str]:
    styles = {
        "completed": "green",
        "reverting": "red",
        "reverted": "red",
        "stopped": "red",
        "paused": "yellow",
    }
    return rollout["status"], f"bold {styles.get(rollout['status'], 'cyan')}"


def _turns(rollout: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("wave", "PoP", "", "nodes", "phase", "waits for"):
        table.add_column(head)
    rings = {wave["ordinal"]: wave["ring"] for wave in rollout["waves"]}
    for turn in rollout["turns"]:
        moving = ", ".join(f"{unit['unit']} {unit['state']}" for unit in turn["moving"])
        waits = moving or (hold_text(turn["hold"]) if turn["hold"] else "")
        table.add_row(
            f"{turn['wave']} {rings.get(turn['wave'], '')}",
            turn["pop"],
            _bar(turn),
            f"{turn['settled']}/{turn['units']}",
            turn["phase"],
            Text(waits),
        )
    return table


def _bar(turn: dict[str, Any]) -> Text:
    """One cell per unit, or a share of `CELLS_MAX`: settled, moving, lost, still on the older release."""
    is_back = turn["phase"] in ("going back", "gone back")
    scale = min(1.0, CELLS_MAX / max(1, turn["units"]))
    settled = turn["to_go_back"] if is_back else turn["settled"]
    moving, lost = len(turn["moving"]), len(turn["quarantined"])
    older = max(0, turn["units"] - settled - moving - lost)
    bar = Text()
    for cell, count, style in (
        ("█", settled, "green"),
        ("▒", moving, "red" if is_back else "yellow"),
        ("×", lost, "red"),
        ("·", older, "dim"),
    ):
        bar.append(cell * (max(1, round(count * scale)) if count else 0), style)
    return bar


def _evidence(evidence: dict[str, Any]) -> Text:
    share = max(0.0, min(1.0, evidence["log_e"] / evidence["log_threshold"]))
    filled = round(share * EVIDENCE_CELLS)
    style = "red" if evidence["failed"] else "yellow" if share > 0.5 else "green"
    return Text.assemble(
        "evidence against it ",
        ("━" * filled, style),
        ("─" * (EVIDENCE_CELLS - filled), "dim"),
        f" log e {evidence['log_e']:.2f} of {evidence['log_threshold']:.2f}",
    )
