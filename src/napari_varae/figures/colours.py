"""The colours, on the screen and on paper: each of those with a name means one thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = [
    "ANY_COLOUR", "A_COLOUR", "B_COLOUR", "CAUTION_COLOUR", "CHOSEN_COLOUR", "CURVE_COLOURS", "MATCHED_COLOUR",
    "MATRIX_COLOURS", "OBSERVED_COLOUR", "OTHER_COLOUR", "SET_COLOURS", "SIGNED_COLOURS", "SOURCE_COLOUR",
    "TARGET_COLOUR", "TRACE_COLOURS", "set_colours",
]  # fmt: skip

# Orange and blue are signs, and nothing else: above and below zero.
SIGNED_COLOURS = np.array(
    [[0.15, 0.55, 1, 1], [0.1, 0.35, 0.9, 0.6], [0, 0, 0, 0], [0.95, 0.3, 0.05, 0.6], [1, 0.75, 0.2, 1]]
)
"""Colours of maps, red, green, blue and opacity: blue below zero, orange above it, transparent at it."""
MATRIX_COLOURS = ("#35a0ff", "#1f5fc8", "#d8571a", "#ffb43c")
"""Those of coefficients on the screen, from the most negative to the most positive; zero is the background."""

A_COLOUR, B_COLOUR = "#12a67c", "#a463d6"
"""Green and violet, which differ to colour-blind eyes as well, in lightness and in blue."""
SET_COLOURS = ("#d9539b", "#b58900", "#7fae3c", "#a8745a", "#7f93ad", "#e39aa9")
"""Frame sets and trials that are neither A nor B."""

OBSERVED_COLOUR = "#e0483e"
"""What is observed or looked at: the cursor, the statistic of a comparison, the penalty that is shown, an error."""
OTHER_COLOUR = "#8f959c"
"""All that is in the background: frames of no set, cells without a latent."""
CHOSEN_COLOUR, SOURCE_COLOUR, TARGET_COLOUR, ANY_COLOUR = "#ff40a3", "#ffffff", "#35d6e8", "#e8d9a1"
"""Outlines: of the chosen latent and its cell, of source and target of the chosen link, of any latent."""
MATCHED_COLOUR = "#f5c542"
"""Cells that have a latent."""
CAUTION_COLOUR = "#f5c542"
"""Behind a caution, with black letters."""

CURVE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900")
TRACE_COLOURS = ("#4fb0d6", "#d1a02a", "#d9539b", "#8fae4b", "#c8603c", "#9a7b5f", "#7f93ad", "#e39aa9")
"""Lines of a plot, where no shade of A or B lies over its own colour."""


def set_colours(names: Sequence[str], a: str, b: str) -> dict[str, str]:
    """Give each frame set its colour: green for side A, violet for side B, and others for the rest."""
    others = [name for name in names if name not in (a, b)]
    colours = {name: SET_COLOURS[i % len(SET_COLOURS)] for i, name in enumerate(others)}
    return {**colours, a: A_COLOUR, b: B_COLOUR}
