"""Choices: what do accounts, and the operator for them, say of single features?"""

from datetime import datetime

import msgspec

from wavetrain.control import account_features, features
from wavetrain.control.account_features import FeatureFor
from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store
from wavetrain.decide import choosing
from wavetrain.decide.choosing import OPERATORS, Said
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.model.feature import Feature
from wavetrain.model.feature_choice import FeatureChoice
from wavetrain.model.feature_verb import Verb
from wavetrain.model.fleet import AccountId


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A word on a feature; `until` goes with defer, and hold needs a reason."""

    verb: Verb
    until: datetime | None = None
    reason: str = ""


def choose(store: Store, caller: Caller, account: str, feature: str, asked: Asked) -> FeatureFor:
    """Take a word down, and say what follows from it: what the account waits for, and until when.

    An early opt-in is taken although the account's PoPs do not have the feature yet. The same word again changes
    nothing.
    """
    act = Act.HOLD_BACK if asked.verb in OPERATORS else Act.CHOOSE
    require_account(caller, account, act)
    with store.write() as transaction:
        account_features.require_known(transaction, account)
        found = features.found(transaction, feature)
        known = transaction.get(FeatureChoice, account, found.id)
        before = known or FeatureChoice(account=AccountId(account), feature=found.id)
        said = Said(
            verb=asked.verb, now=transaction.now, by=caller.name, until=asked.until, reason=asked.reason
        )
        made = choosing.chosen(found, before, said)
        if made != before:
            if not made.is_empty:
                transaction.put(made)
            elif known is not None:
                transaction.remove(known)
            tell(transaction, caller, "choice", f"{account}/{found.id}", _text(said, found))
        return account_features.of_feature(transaction, account, found.id)


def _text(said: Said, feature: Feature) -> str:
    words = {
        Verb.EARLY: "opted in early",
        Verb.LEAVE: "left early availability",
        Verb.DEFER: "put off",
        Verb.GIVE_BACK: "given back",
        Verb.TAKE: "taken",
        Verb.HOLD: "held back",
        Verb.RELEASE: "held back no more",
    }
    until = f" until {said.until:%Y-%m-%d %H:%M} UTC" if said.until is not None else ""
    terms = feature.early.terms if feature.early is not None and said.verb is Verb.EARLY else ""
    agreed = f", on the terms: {terms}" if terms else ""
    why = f": {said.reason}" if said.reason else ""
    return f"{words[said.verb]}{until}{agreed}{why}"
