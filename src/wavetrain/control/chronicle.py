"""Chronicle: how does what a person or a device did stand in the journal?"""

from wavetrain.control.ports import Transaction
from wavetrain.decide.permit import Caller
from wavetrain.model.journal import Entry


def tell(
    transaction: Transaction,
    caller: Caller,
    kind: str,
    subject: str,
    text: str,
    *,
    rollout: str = "",
    **body: object,
) -> None:
    """Append one line about what `caller` did, in the same transaction as the deed."""
    entry = Entry(
        at=transaction.now, who=caller.name, kind=kind, subject=subject, text=text, rollout=rollout, body=body
    )
    transaction.note([entry])
