"""Files that are complete or absent, after a kill and after a power cut."""
