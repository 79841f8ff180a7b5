"""Evidence: the statistics that say whether a release is worse than what it replaces."""
