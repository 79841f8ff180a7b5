"""Adapters: one outside thing per file."""
