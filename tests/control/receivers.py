"""Receivers: ways to operators that do as they are told."""

from collections.abc import Callable

from wavetrain.model.notice import Alert, Outcome

TAKEN = Outcome(taken=True, text="200 OK")
BROKEN = Outcome(taken=False, text="500 Internal Server Error")
GONE = Outcome(taken=False, text="410 Gone", gone=True)


class Receiver:
    """Remembers what it got; answers as the next of `answers` says, and then always as the last."""

    def __init__(self, *answers: Outcome, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._answers = list(answers or (TAKEN,))
        self._meanwhile = meanwhile
        self.got: list[str] = []

    def deliver(self, alert: Alert, at: float) -> Outcome:
        """One more."""
        self.got.append(alert.id)
        self._meanwhile()
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
