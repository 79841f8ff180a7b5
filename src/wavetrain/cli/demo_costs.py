"""Demo costs: what do the receipts say that the accounts got for a release?"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from wavetrain.cli.client import Client, at


def costs(desk: Client, accounts: Sequence[str], rollout: str) -> dict[str, Any]:
    """The receipts of all accounts for one rollout, summed up; the sessions' own figures."""
    found = [
        one["receipt"]
        for account in accounts
        for one in desk.get(at("accounts", account, "receipts"), limit=50)
        if one["receipt"]["rollout"] == rollout
    ]
    sites = [site for receipt in found for site in receipt["sites"]]
    codes: Counter[str] = Counter()
    for site in sites:
        codes.update(site["codes"])
    return {
        "rollout": rollout,
        "accounts": len({receipt["account"] for receipt in found}),
        "receipts": len(found),
        "sessions": sum(site["sessions"] for site in sites),
        "moved_without_loss": sum(site["moved"] for site in sites),
        "worst_s": round(max((site["worst_s"] for site in sites), default=0.0), 3),
        "promise_s": max((receipt["promise_s"] for receipt in found), default=0.0),
        "codes": dict(sorted(codes.items())),
        "example": found[0]["account"] if found else "",
    }


def in_words(told: dict[str, Any]) -> str:
    """The same in a sentence."""
    if not told["receipts"]:
        return "No account has a receipt."
    return (
        f"{told['accounts']} accounts got receipts for {told['rollout']}: {told['sessions']} sessions were opened "
        f"anew, {told['moved_without_loss']} of them without a loss; {told['worst_s']:g} s at the most "
        f"(promise {told['promise_s']:g} s). One of them: wavetrain receipt list {told['example']}"
    )
