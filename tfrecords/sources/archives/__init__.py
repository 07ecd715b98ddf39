"""Archives read header by header, in one pass, never unpacked."""
