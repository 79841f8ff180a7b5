"""Builds the running control plane; the only room that picks adapters and reads the clock."""
