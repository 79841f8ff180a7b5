"""The simulation: the real house with a practice fleet, a virtual clock, seeded faults, guards as invariants."""
