"""Every error that a caller may catch, drawn as a tree.

* WavetrainError
  + RefusedError        the request breaks a rule; the message says which, and the way out
    - TransitionError   the status does not allow it
    - ForbiddenError    this caller may not do it
    - UnknownError      the thing named does not exist
  + StaleError          someone else committed first, or holds a newer epoch; load again
  + LockedError         another control plane owns this store
  + UnreachableError    an outside thing did not answer, or not in a usable way
"""


class WavetrainError(Exception):
    """Base of all the errors below."""


class RefusedError(WavetrainError):
    """The request breaks a rule; the message says the thing, the rule and the way out."""


class TransitionError(RefusedError):
    """The status does not allow it."""


class ForbiddenError(RefusedError):
    """This caller may not do it."""


class UnknownError(RefusedError):
    """The thing named does not exist."""


class StaleError(WavetrainError):
    """Someone else committed first, or holds a newer epoch; load again."""


class LockedError(WavetrainError):
    """Another control plane owns this store."""


class UnreachableError(WavetrainError):
    """An outside thing did not answer, or not in a usable way."""
