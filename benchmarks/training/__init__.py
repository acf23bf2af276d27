"""Benchmarks of the room `core/training`."""
