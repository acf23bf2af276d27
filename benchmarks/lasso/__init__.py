"""Benchmarks of the room `core/lasso`."""
