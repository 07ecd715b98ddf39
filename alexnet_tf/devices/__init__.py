"""Devices and numeric precision of the network (paper, section 3.2)."""
