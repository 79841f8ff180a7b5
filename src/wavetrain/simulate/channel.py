"""Channel: what becomes of a message between a node and the control plane?"""

from collections import Counter
from collections.abc import Iterator

from wavetrain.model.fleet import NodeId
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import Spoken
from wavetrain.wire.agent_messages import Told

REPORT_LATE_S = (5.0, 60.0)
ANSWER_LATE_S = (1.0, 30.0)
"""An answer is as late as its connection lives; a report may sit in a queue for longer."""


class Channel:
    """Loses, delays, doubles and reorders, by the chances of nature's wire."""

    def __init__(self, nature: Nature) -> None:
        self._nature = nature
        self.happened: Counter[str] = Counter()
        """How often each thing has happened, by its name in `Wire`."""
        self._reports: list[tuple[float, Spoken]] = []
        self._answers: list[tuple[float, NodeId, Told]] = []

    def connects(self, node: str) -> bool:
        """Whether the node reaches the control plane at all this time."""
        return not self._happens("lost", node)

    def report(self, spoken: Spoken, now: float) -> int:
        """How often a report arrives at once; none when it was delayed."""
        if self._happens("delayed", spoken.node):
            self._reports.append((now + self._late(spoken.node, REPORT_LATE_S), spoken))
            return 0
        return 2 if self._happens("doubled", spoken.node) else 1

    def late_reports(self, now: float) -> Iterator[Spoken]:
        """The delayed reports that arrive by now, in the order of their arrival."""
        due = sorted((item for item in self._reports if item[0] <= now), key=lambda item: item[0])
        self._reports = [item for item in self._reports if item[0] > now]
        return (spoken for _, spoken in due)

    def is_answered(self, node: str) -> bool:
        """Whether the control plane's answer finds its way back."""
        return not self._happens("answer_lost", node)

    def answer(self, node: NodeId, told: Told, now: float) -> bool:
        """Whether an answer arrives at once; a delayed or doubled one comes later, after newer ones perhaps."""
        is_delayed = self._happens("answer_delayed", node)
        if is_delayed or self._happens("answer_doubled", node):
            self._answers.append((now + self._late(node, ANSWER_LATE_S), node, told))
        return not is_delayed

    def late_answers(self, now: float) -> Iterator[tuple[NodeId, Told]]:
        """The answers that arrive by now, in the order of their arrival; none outlives its connection."""
        due = sorted((item for item in self._answers if item[0] <= now), key=lambda item: item[0])
        self._answers = [item for item in self._answers if item[0] > now]
        return ((node, told) for at, node, told in due if now - at <= ANSWER_LATE_S[1])

    def forget(self, node: str) -> None:
        """The node's machine is another one now: what was on its way to the old one is lost."""
        self._answers = [item for item in self._answers if item[1] != node]

    def _happens(self, what: str, node: str) -> bool:
        happens = self._nature.chance(getattr(self._nature.wire, what), f"wire {node}")
        self.happened[what] += happens
        return happens

    def _late(self, node: str, span: tuple[float, float]) -> float:
        return self._nature.stream(f"wire {node}").uniform(*span)
