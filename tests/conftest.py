"""Fixtures of the whole suite."""

from tests.databases import databases, databases_of_the_run

__all__ = ["databases", "databases_of_the_run"]
