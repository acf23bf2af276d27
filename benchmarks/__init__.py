"""Measurements behind the numbers in the docs; each script runs as `python -m benchmarks.ROOM.NAME`."""
