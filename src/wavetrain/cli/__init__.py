"""CLI: parse, call one use case, print."""
