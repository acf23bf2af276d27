"""Frames to dynamic parts and back."""

from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.normalisation import Normalisation

PIXELS = st.floats(-1e4, 1e4, width=32)
IMAGES = hnp.arrays(np.float32, (3, 4), elements=PIXELS)


@pytest.mark.parametrize("skip", [True, False])
@given(static=IMAGES, frames=hnp.arrays(np.float32, (5, 3, 4), elements=PIXELS), scale=st.floats(0.5, 100))
def test_undo_returns_the_frames(skip, static, frames, scale):
    normalisation = Normalisation(static, scale, skip)
    dynamic = normalisation.apply(frames)
    assert dynamic.dtype == np.float32
    np.testing.assert_allclose(normalisation.undo(dynamic), frames, atol=1e-2)


@given(static=IMAGES, scale=st.floats(0.5, 100))
def test_the_static_image_is_the_origin_with_a_skip_and_itself_without(static, scale):
    with_skip = Normalisation(static, scale)
    assert not with_skip.origin.any()
    without = replace(with_skip, skip=False)
    np.testing.assert_array_equal(without.origin, without.scaled_static)
