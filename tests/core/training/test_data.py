"""A movie as training sees it: who is held out, what is subtracted, and that bad frames are never looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.data import Recording
from napari_varae.errors import StackError

orders = st.integers(1, 20)
shares = st.floats(0.02, 0.5)


def movie(n_frames: int = 90, seed: int = 3) -> np.ndarray:
    """Gamma-distributed pixels whose mean and deviation differ, shape (T, 9, 11), with 20 frames of garbage."""
    rng = np.random.default_rng(seed)
    frames = (50 + rng.gamma(2, 3 + 10 * rng.random((9, 11)), (n_frames, 9, 11))).astype(np.float32)
    frames[bad(n_frames)] = 1e14
    return frames


def bad(n_frames: int) -> list[int]:
    return [frame for frame in (5, 6, 30, *range(40, 57)) if frame < n_frames]


def recording(n_frames: int = 90, **settings) -> Recording:
    return Recording(Stack(movie(n_frames), bad_frames=bad(n_frames)), FitConfig(latents=4, **settings))


@pytest.mark.parametrize("summary", ["mean", "median"])
def test_the_static_image_summarises_the_trained_frames_only(summary):
    data = recording(static=summary)
    trained = movie()[data.trained].astype(np.float64)
    np.testing.assert_allclose(data.normalisation.static, getattr(np, summary)(trained, axis=0), rtol=1e-6)
    assert data.normalisation.scale == pytest.approx(np.sqrt(((trained - data.normalisation.static) ** 2).mean()))
    scaled = data.read(0, 90)[0][data.trained]
    assert np.square(scaled).mean() == pytest.approx(1, rel=1e-5)


def test_the_median_of_a_long_movie_comes_from_frames_all_over_it():
    frames = np.arange(3000, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), np.float32)
    data = Recording(Stack(frames), FitConfig(static="median"))
    assert np.mean(np.flatnonzero(data.trained) < data.normalisation.static[0, 0]) == pytest.approx(0.5, abs=0.002)


def test_without_a_skip_nothing_is_subtracted():
    with_skip, without = recording(), recording(static_skip=False)
    np.testing.assert_array_equal(with_skip.normalisation.baseline, with_skip.normalisation.static)
    np.testing.assert_array_equal(without.normalisation.static, with_skip.normalisation.static)
    assert not without.normalisation.baseline.any()
    assert without.normalisation.scale == with_skip.normalisation.scale
    difference = without.read(60, 90)[0] - with_skip.read(60, 90)[0]
    np.testing.assert_allclose(difference[0], with_skip.normalisation.static / with_skip.normalisation.scale, rtol=1e-5)


def test_bad_frames_read_as_zero():
    frames, good = recording().read(0, 90)
    np.testing.assert_array_equal(np.flatnonzero(~good), bad(90))
    assert not frames[~good].any()
    assert np.abs(frames).max() < 20


@given(start=st.integers(0, 500), length=st.integers(1, 400))
def test_blocks_are_the_movie_in_pieces(start, length):
    frames = np.random.default_rng(0).normal(size=(900, 8, 8)).astype(np.float32)
    data = Recording(Stack(frames), FitConfig(latents=4))
    firsts, blocks = zip(*data.blocks(start, start + length), strict=True)
    np.testing.assert_array_equal(np.concatenate(blocks), data.read(start, start + length)[0])
    assert list(firsts) == [start + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    assert max(map(len, blocks)) <= 256


def test_a_movie_that_does_not_vary_is_refused():
    still = np.full((50, 8, 8), 300, np.uint16)
    still[17] = 9999
    with pytest.raises(StackError, match="do not vary"):
        Recording(Stack(still, bad_frames=[17]), FitConfig(latents=4))


def test_pixels_that_are_no_numbers_are_refused():
    frames = movie(200)
    frames[100, 3, 3] = np.nan
    with pytest.raises(StackError, match="frame 100"):
        Recording(Stack(frames), FitConfig(latents=4))


def test_a_flash_is_left_out_and_changes_nothing_else():
    frames, garbage = movie(300), bad(300)
    marked = Recording(Stack(frames, bad_frames=[*garbage, 200]), FitConfig(latents=4))
    frames[200] *= 1000
    data = Recording(Stack(frames, bad_frames=garbage), FitConfig(latents=4))
    assert data.odd == (200,)
    assert marked.odd == ()
    assert not data.good[200]
    np.testing.assert_allclose(data.normalisation.static, marked.normalisation.static, rtol=1e-2)
    assert data.normalisation.scale == pytest.approx(marked.normalisation.scale, rel=1e-2)
