"""The node agent: does what its node is told, as long as the node permits it."""
