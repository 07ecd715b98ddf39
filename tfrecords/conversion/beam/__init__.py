"""Converts with Apache Beam: one machine's processes, or a cluster's."""
