"""The machinery of the window tests: a real viewer with a real canvas on whatever display there is."""

import numpy as np


def test_viewer_draws_an_image(make_napari_viewer, rng):
    viewer = make_napari_viewer(show=True)
    movie = rng.random((5, 64, 64), dtype=np.float32)
    viewer.add_image(movie, scale=(0.1, 1, 1), units=("s", "um", "um"), axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 3)
    picture = viewer.screenshot(canvas_only=True, flash=False)
    assert picture[..., :3].std() > 10
