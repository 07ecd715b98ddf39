"""The network: layers, towers, parameters (paper, sections 3 and 4.2)."""
