"""Figures for a paper: what the docks show, drawn on white with units and scale bars. Knows no screen."""
