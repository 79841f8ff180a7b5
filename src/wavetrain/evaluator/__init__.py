"""Features evaluated inside another program, which goes on when the control plane is away."""
