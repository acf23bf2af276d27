"""Benchmarks of the room `core/autoencoder`."""
