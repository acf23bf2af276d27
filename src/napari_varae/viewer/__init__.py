"""napari layers: made, updated and followed. No Qt."""
