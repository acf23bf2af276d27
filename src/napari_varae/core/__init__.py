"""The method: numpy, scipy, torch and pydantic. No Qt, no napari."""
