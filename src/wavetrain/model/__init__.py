"""What exists: frozen facts, one noun per module."""
