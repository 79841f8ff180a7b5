"""Wavetrain: the rollout control plane of a global network edge."""
