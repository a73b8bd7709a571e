"""Benchmarks: speed, robustness, and the numbers shown in the README."""
