"""One colour means one thing, to colour-blind eyes as well."""

import itertools

import numpy as np
import pytest

from napari_varae.figures.colours import (
    A_COLOUR,
    ANY_COLOUR,
    B_COLOUR,
    CHOSEN_COLOUR,
    OBSERVED_COLOUR,
    SET_COLOURS,
    SIGNED_COLOURS,
    SOURCE_COLOUR,
    TARGET_COLOUR,
    TRACE_COLOURS,
    set_colours,
)

EYES = {
    "usual": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}
"""What eyes make of linear red, green and blue (Machado, Oliveira and Fernandes 2009)."""
POSITIVE, NEGATIVE = SIGNED_COLOURS[-1, :3], SIGNED_COLOURS[0, :3]


def seen(colour, eyes):
    """A colour in CIELAB, as some eyes see it."""
    if isinstance(colour, str):
        colour = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(EYES[eyes]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, eyes):
    return float(np.linalg.norm(seen(one, eyes) - seen(other, eyes)))


@pytest.mark.parametrize("eyes", EYES)
def test_a_and_b_can_be_told_apart(eyes):
    assert distance(A_COLOUR, B_COLOUR, eyes) > 40


def test_a_and_b_have_the_colour_of_no_sign_no_trace_and_no_other_set():
    others = [POSITIVE, NEGATIVE, OBSERVED_COLOUR, CHOSEN_COLOUR, TARGET_COLOUR, *SET_COLOURS, *TRACE_COLOURS]
    for side, other in itertools.product((A_COLOUR, B_COLOUR), others):
        assert distance(side, other, "usual") > 25, (side, other)


@pytest.mark.parametrize("eyes", EYES)
def test_outlines_can_be_told_apart(eyes):
    for one, other in itertools.combinations((CHOSEN_COLOUR, SOURCE_COLOUR, TARGET_COLOUR, ANY_COLOUR), 2):
        assert distance(one, other, eyes) > 20, (one, other)


def test_each_frame_set_has_a_colour_and_the_sides_have_theirs():
    colours = set_colours(["left", "rest", "right", "go"], "left", "right")
    assert (colours["left"], colours["right"]) == (A_COLOUR, B_COLOUR)
    assert len(set(colours.values())) == 4
