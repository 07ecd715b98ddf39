"""The update rule and its learning rates (paper, section 5)."""
