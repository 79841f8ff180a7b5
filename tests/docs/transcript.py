"""Transcript: are the lines that a page shows lines that the program prints?"""

import re

from tests.docs.pages import blocks

LEFT_OUT = "..."
"""A line of a page that stands for lines that were left out."""
_STAMP = re.compile(r"^[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d\d:\d\d  ")
_MASKS = (
    (re.compile(r"(?<!\S)/\S+"), "PATH"),
    (re.compile(r"\b[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d UTC"), "TIME"),
    (re.compile(r"^[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d\d:\d\d "), "TIME "),
    (re.compile(r"\b(lis|fra|jnb)\d(-n\d+)?\b"), "PLACE"),
    (re.compile(r"PLACE(, PLACE)+"), "PLACE"),
    (re.compile(r"\d+(:\d+)+(\.\d+)?"), "0"),
    (re.compile(r"[+-]?\d+(\.\d+)*"), "0"),
    (re.compile(r"([━─╇┳┻╈┴])\1+"), r"\1"),
    (re.compile(r"[▁▂▃▄▅▆▇█]+"), "█"),
    (re.compile(r"\s+"), " "),
)


def mask(line: str) -> str:
    """The line without what differs from run to run: digits, times, paths, names of PoPs and nodes, widths."""
    for pattern, instead in _MASKS:
        line = pattern.sub(instead, line)
    return line.strip()


def shown(page: str) -> list[str]:
    """The lines that a page shows as printed: those of its `text` blocks, without the command."""
    lines = [line for block in blocks(page, "text") for line in block.splitlines()]
    return [line for line in lines if line.strip() not in ("", LEFT_OUT) and not line.startswith("$ ")]


def missing_from(readme_text: str, output_text: str) -> list[str]:
    """The lines that the page shows and the output has not, digits, times, paths and names of places aside.

    A line of the journal must be a whole line of the output. Other lines may have been wrapped elsewhere.
    """
    printed = {mask(line) for line in output_text.splitlines()}
    unwrapped = f" {mask(' '.join(output_text.splitlines()))} "
    return [
        line
        for line in shown(readme_text)
        if mask(line) not in printed and (_STAMP.match(line) or f" {mask(line)} " not in unwrapped)
    ]
