"""What is computed. Knows no screen: neither Qt nor napari is imported here."""
