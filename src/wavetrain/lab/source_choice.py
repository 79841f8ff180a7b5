"""Source choice: which program should measure the nodes of a lab?"""

from enum import StrEnum


class Measured(StrEnum):
    """As it is written on the command line."""

    AUTO = "auto"
    """Prometheus where it is installed."""
    PROMETHEUS = "prometheus"
    SCRAPE = "scrape"
    """The control plane reads the nodes itself."""
