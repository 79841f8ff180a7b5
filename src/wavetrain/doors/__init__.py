"""Doors: one audience per module; each authenticates, translates and calls one use case."""
