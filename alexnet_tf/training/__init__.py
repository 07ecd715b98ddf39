"""One run from its first step to its last (paper, section 5)."""
