"""Traces of regions, beside numpy on the whole movie."""

import numpy as np
import pytest

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.region_traces import region_traces
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import DataError


def test_traces_are_means_over_the_pixels_of_each_region(rng, monkeypatch):
    monkeypatch.setattr("napari_varae.core.movie.stack.MOST_FRAMES", 7)  # several blocks
    movie = rng.normal(100, 5, (40, 12, 10)).astype(np.float32)
    labels = rng.integers(0, 4, (12, 10))
    stack, done = Stack(movie, bad_frames=[3]), []
    traces = region_traces(stack, Cells.from_labels(labels), lambda *steps: done.append(steps))
    for i, label in enumerate((1, 2, 3)):
        np.testing.assert_allclose(
            np.delete(traces[:, i], 3), np.delete(movie[:, labels == label].mean(1), 3), rtol=1e-5
        )
    assert np.isnan(traces[3]).all()
    assert done[-1] == (40, 40)
    assert len(done) == 6


def test_regions_of_another_size_are_refused(rng):
    with pytest.raises(DataError):
        region_traces(Stack(np.ones((20, 12, 10))), Cells.from_labels(np.ones((8, 8), dtype=int)))
