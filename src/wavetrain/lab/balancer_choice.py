"""Balancer choice: which program should stand before the nodes of a lab?"""

from enum import StrEnum


class Choice(StrEnum):
    """As it is written on the command line."""

    AUTO = "auto"
    """HAProxy where it is installed."""
    HAPROXY = "haproxy"
    BUILTIN = "builtin"
