"""Error rates with one view or ten (paper, sections 4.1 and 6)."""
