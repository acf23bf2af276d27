"""The colours that mean the same on the screen and on paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = [
    "A_COLOUR", "B_COLOUR", "CURVE_COLOURS", "OBSERVED_COLOUR", "OTHER_COLOUR", "SET_COLOURS", "SIGNED_COLOURS",
    "TRACE_COLOURS", "set_colours",
]  # fmt: skip

A_COLOUR, B_COLOUR = "#f08c2e", "#3b8eea"
"""As in difference maps: orange is A, blue is B."""
OBSERVED_COLOUR = "#e0483e"
OTHER_COLOUR = "#8f959c"
CURVE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900")
TRACE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900", "#5fa83a", "#c8603c", "#4f9fd1", "#9a7b5f")
SET_COLOURS = ("#8a7de0", "#2aa198", "#d9539b", "#b58900", "#5fa83a", "#4f9fd1")
SIGNED_COLOURS = np.array(
    [[0.15, 0.55, 1, 1], [0.1, 0.35, 0.9, 0.6], [0, 0, 0, 0], [0.95, 0.3, 0.05, 0.6], [1, 0.75, 0.2, 1]]
)
"""Colours of maps, red, green, blue and opacity: blue below zero, orange above it, transparent at it."""


def set_colours(names: Sequence[str], a: str, b: str) -> dict[str, str]:
    """Give each frame set its colour: orange for side A, blue for side B, as in maps, and others for the rest."""
    others = [name for name in names if name not in (a, b)]
    colours = {name: SET_COLOURS[i % len(SET_COLOURS)] for i, name in enumerate(others)}
    return {**colours, a: A_COLOUR, b: B_COLOUR}
