"""Draws the transcript of docs/rehearsal.md, with its picture, from the program."""

from pathlib import Path

from wavetrain.cli.rehearse_command import plan_of
from wavetrain.simulate.mishaps import read_fault
from wavetrain.simulate.rehearsal_text import fault_lines, lines
from wavetrain.simulate.run_rehearsal import play

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "rehearsal.md"
PICTURE = DOCS / "train.svg"
BEGINS = "<!-- drawn from here by: .venv/bin/python -m tests.docs.draw_rehearsal -->\n"
ENDS = "<!-- to here -->\n"
SIZE, METRICS = (30, 8, 1_500), 4
SUM = 1
"""The last line says how long it took on this machine: it is not compared."""


def transcript() -> str:
    """What `wavetrain rehearse` says of a small fleet, with a fault."""
    plan = plan_of(size=SIZE, metrics=METRICS)
    played = play(plan, [read_fault("x10", ())])
    pops, nodes, sites = SIZE
    command = (
        f"wavetrain rehearse --pops {pops} --nodes {nodes} --sites {sites} --metrics {METRICS} --fault x10"
    )
    said = [*lines(played.said)][:-SUM]
    fault = [*fault_lines(played.faulty[0])][:-SUM]
    return "\n".join([f"$ {command}", *said, "...", *fault, "..."])


def drawn(page: str) -> str:
    """The page with a fresh transcript."""
    before, _, rest = page.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n```text\n{transcript()}\n```\n\n{ENDS}{after}"


def train() -> str:
    """The picture of the page."""
    plan = plan_of(size=(90, 12, 0), metrics=2)
    return play(plan, with_picture=True).svg


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(train(), encoding="utf-8")
