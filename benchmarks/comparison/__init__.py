"""Benchmarks of the room `core/comparison`."""
