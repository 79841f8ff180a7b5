"""Bytes on the network <-> model; refuses what it does not know."""
