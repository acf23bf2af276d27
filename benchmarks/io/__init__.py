"""Benchmarks of the readers."""
