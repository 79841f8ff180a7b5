"""No traffic: what of a node whose work needs no moving?"""


class NoTraffic:
    """A node whose work needs no moving."""

    def drain(self, spread_ms: int) -> None:
        """Nothing to move."""

    def sessions(self) -> int | None:
        return 0

    def settle(self) -> None:
        """Nothing comes."""

    def undrain(self) -> None:
        """Nothing was moved."""

    def invite(self) -> None:
        """Nothing left."""
