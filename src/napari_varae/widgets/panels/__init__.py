"""The docks. Panels never import each other."""
