"""Files that are whole or absent, after a kill and after a power cut."""
