"""Benchmarks of napari_varae.headless."""
