"""Journal: what was decided, on which facts."""

from datetime import datetime

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the journal.

    `facts` is the digest of what the decider was given, `decider` the version of its rules; both are empty for
    what a person or a device did. `seq` is given by the store.
    """

    at: datetime
    who: str
    kind: str
    subject: str
    text: str
    rollout: str = ""
    facts: str = ""
    decider: str = ""
    body: dict[str, object] = {}
    seq: int = 0
