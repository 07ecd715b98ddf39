"""From an image file's bytes to 256x256 pixels (paper, section 2)."""
