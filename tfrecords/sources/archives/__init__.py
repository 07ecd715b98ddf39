"""Reads archives header by header, in one pass, without unpacking them."""
