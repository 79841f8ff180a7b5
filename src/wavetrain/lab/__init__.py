"""Lab: real PoPs on one machine, made of balancers, gateways and sites with live sessions."""
