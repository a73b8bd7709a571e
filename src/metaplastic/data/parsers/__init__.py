"""Parsers of published file formats. Each returns a correct result or raises DataError."""
