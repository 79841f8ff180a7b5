"""Record: a fact that the store keeps under a key, with the version that a writer must have seen."""

from typing import ClassVar, Self

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything the store keeps.

    `KEY` names the fields that identify the record, `INDEX` the further fields that it may be looked up by.
    `version` is 0 for a record that was never stored; each commit raises it, to the number of the change that it is.

    Facts are trees: frozen, and read from bytes. None can come to hold itself, so the search for rubbish that does
    leaves them out (`gc=False`); it would look through every node of the fleet again and again.
    """

    KEY: ClassVar[tuple[str, ...]] = ()
    INDEX: ClassVar[tuple[str, ...]] = ()

    version: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """The values of the key fields as text, in the order of `KEY`."""
        names = self.KEY
        if len(names) == 1:
            return (str(getattr(self, names[0])),)
        return tuple([str(getattr(self, name)) for name in names])

    def changed(self, **fields: object) -> Self:
        """The same record with other values in some fields; the version stays for the store to check."""
        return msgspec.structs.replace(self, **fields)
