"""One absl binary per file: flags in, one call out."""
