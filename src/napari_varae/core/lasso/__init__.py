"""The l1 estimate for any Gram matrix: its whole solution path, and its gradient."""
