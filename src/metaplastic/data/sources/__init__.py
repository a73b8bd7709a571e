"""Data sets and schemes, one per file; the registry lists them."""
