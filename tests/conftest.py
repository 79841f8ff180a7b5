"""Fixtures of the whole suite."""

from tests.databases import databases

__all__ = ["databases"]
