"""Demo verdict: what found the bad release, and where is its evidence written down?"""

import re
from math import exp, log
from pathlib import Path

import msgspec

from wavetrain.cli.client import Client, at
from wavetrain.control.verdicts import CheckSeen, VerdictSeen
from wavetrain.doors import evidence_picture, verdict_page
from wavetrain.errors import UnreachableError

E_MOST = 700.0
"""In logarithms: e itself would be no number any more."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one release, as the control plane tells it, and the files that show it."""

    source: str
    """Who measured the nodes."""
    check: str
    """The check that said most of it; empty where the release did not fail by evidence."""
    e: float
    """Of the whole test, when the release failed; it fails at `threshold`."""
    threshold: float
    at: str
    """Train time of the verdict."""
    page: str
    picture: str


def found(desk: Client, rollout: str, folder: Path) -> Found:
    """Ask for the verdict on a rollout, and write its page and its picture into the folder."""
    seen = msgspec.convert(desk.get(at("rollouts", rollout, "verdict")), VerdictSeen)
    folder.mkdir(parents=True, exist_ok=True)
    page, drawn = (folder / f"verdict-{seen.number}.{kind}" for kind in ("html", "svg"))
    page.write_text(verdict_page.page(seen))
    drawn.write_text(evidence_picture.picture(seen))
    failed = seen.verdict == "fail" and seen.log_threshold > 0
    return Found(
        source=_measures(desk),
        check=leading(seen.checks) if failed else "",
        e=exp(min(seen.log_e, E_MOST)),
        threshold=1 / seen.alpha,
        at=_failed_at(desk, rollout),
        page=str(page),
        picture=str(drawn),
    )


def leading(checks: tuple[CheckSeen, ...]) -> str:
    """The check with the greatest part of e, which is the sum of their weighted e-values."""
    return max(checks, key=lambda check: check.log_e + log(check.weight)).name if checks else ""


def _failed_at(desk: Client, rollout: str) -> str:
    """Train time of the journal's verdict that it failed; empty where there is none."""
    entries = desk.get("/v1/journal", rollout=rollout, kind="verdict", subject=rollout)["entries"]
    return next((str(entry["at"]) for entry in entries if entry["body"]["verdict"] == "fail"), "")


def _measures(desk: Client) -> str:
    """Who measures the nodes, by the control plane's own word."""
    said = re.search(r'^wavetrain_source_info\{kind="([^"]*)"\}', desk.text("/metrics"), re.MULTILINE)
    if said is None:
        raise UnreachableError("the control plane's /metrics does not name its source of measurements")
    return said[1]
