"""The napari layers of a session: make them, keep them current, follow them. No Qt."""
