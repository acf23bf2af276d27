"""A recording, and which of its frames count."""
