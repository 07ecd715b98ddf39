"""Image retrieval and short codes from a network's features (paper, section 6.1)."""
