"""Entitlement: has an account what a feature asks of the account itself?"""

import msgspec

from wavetrain.model.feature import Needs
from wavetrain.model.fleet import Account
from wavetrain.model.release import is_older


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What of an account features may ask for; many accounts are alike."""

    licences: tuple[str, ...] = ()
    appliance: str = ""
    client: str = ""


NOTHING = Facts()
"""Of an account that nobody has heard of."""


def of(account: Account | None) -> Facts:
    """What is known of it."""
    if account is None:
        return NOTHING
    return Facts(account.licences, account.appliance, account.client)


def missing(needs: Needs, facts: Facts) -> tuple[str, ...]:
    """What is not there, as people say it; empty where nothing is missing. A version that is not known is missing."""
    found = []
    if needs.licences and not set(needs.licences) & set(facts.licences):
        found.append(f"licence {' or '.join(needs.licences)}")
    for what, least, has in (
        ("appliance", needs.appliance, facts.appliance),
        ("client", needs.client, facts.client),
    ):
        if least and (not has or is_older(has, least)):
            found.append(f"{what} {least} ({f'the oldest is {has}' if has else 'none is known'})")
    return tuple(found)
