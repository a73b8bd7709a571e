"""Readers of published file formats. Each gives a right result or a DataError."""
