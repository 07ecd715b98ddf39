"""Where and in which arithmetic the network runs (paper, section 3.2)."""
