"""The state of one viewer, shared by its docks. No Qt, no napari."""
