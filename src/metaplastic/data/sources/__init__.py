"""Data sets and schemes, one a file; the registry lists them."""
