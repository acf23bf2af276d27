"""Which pixels drive the learned dynamics, and which pixels the dynamics drive."""
