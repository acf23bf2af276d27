"""Benchmarks of the room `widgets`."""
