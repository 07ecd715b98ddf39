"""Exports trained networks to files for other programs."""
