"""Work in the background, started by a dock."""
