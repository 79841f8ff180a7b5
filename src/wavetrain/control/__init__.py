"""The use cases: load, decide, commit; one transaction each."""
