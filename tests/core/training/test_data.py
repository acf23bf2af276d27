"""A movie as training sees it: who is held out, what is subtracted, and that bad frames are never looked at."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.data import Recording
from napari_varae.core.training.split import held_out_runs
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


@given(order=orders, share=shares, spare=st.integers(0, 3000))
def test_held_out_runs_are_spread_and_hold_lag_pairs(order, share, spare):
    n = max(8 * (order + 1), 20) + spare
    runs = held_out_runs(n, share, order)
    edges = [0, *(edge for run in runs for edge in run), n]
    assert 1 <= len(runs) <= 5
    assert edges == sorted(edges)
    assert all(b - a >= 2 * (order + 1) for a, b in runs)
    kept = [b - a for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert min(kept) >= 4
    assert max(kept) <= 2 * min(kept[0], kept[-1]) + 2
    total = sum(b - a for a, b in runs)
    assert total <= n // 2 + 1
    assert abs(total - max(share * n, 2 * (order + 1))) <= len(runs)


@given(n_frames=st.integers(60, 90), share=shares, order=st.integers(1, 2))
def test_every_good_frame_is_trained_on_or_held_out(n_frames, share, order):
    data = recording(n_frames, held_out=share, order=order)
    good = np.setdiff1d(np.arange(n_frames), bad(n_frames))
    np.testing.assert_array_equal(np.flatnonzero(data.trained ^ data.held_out), good)
    assert not (data.trained & data.held_out).any()
    inside = np.concatenate([np.arange(a, b) for a, b in data.held_out_runs])
    np.testing.assert_array_equal(np.intersect1d(inside, good), np.flatnonzero(data.held_out))
    assert data.held_out.sum() == sum(b - a for a, b in held_out_runs(len(good), share, order))


def test_shares_count_good_frames_wherever_the_bad_ones_are():
    frames = movie(200)
    late = Recording(Stack(frames, bad_frames=range(60)), FitConfig(latents=4))
    assert late.held_out.sum() == round(0.1 * 140)
    assert late.held_out[60:130].sum() == late.held_out[130:].sum()


@pytest.mark.parametrize("summary", ["mean", "median"])
def test_the_static_image_summarises_the_trained_frames_only(summary):
    data = recording(static=summary)
    trained = movie()[data.trained].astype(np.float64)
    np.testing.assert_allclose(data.static, getattr(np, summary)(trained, axis=0), rtol=1e-6)
    assert data.scale == pytest.approx(np.sqrt(((trained - data.static) ** 2).mean()))
    scaled = data.read(0, 90)[0][data.trained]
    assert np.square(scaled).mean() == pytest.approx(1, rel=1e-5)


def test_the_median_of_a_long_movie_comes_from_frames_all_over_it():
    frames = np.arange(3000, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), np.float32)
    data = Recording(Stack(frames), FitConfig(static="median"))
    assert np.mean(np.flatnonzero(data.trained) < data.static[0, 0]) == pytest.approx(0.5, abs=0.002)


def test_without_a_skip_nothing_is_subtracted():
    with_skip, without = recording(), recording(static_skip=False)
    np.testing.assert_array_equal(with_skip.baseline, with_skip.static)
    np.testing.assert_array_equal(without.static, with_skip.static)
    assert not without.baseline.any()
    assert without.scale == with_skip.scale
    difference = without.read(60, 90)[0] - with_skip.read(60, 90)[0]
    np.testing.assert_allclose(difference[0], with_skip.static / with_skip.scale, rtol=1e-5)


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


@given(length=st.integers(20, 200), seed=st.integers(0, 100))
def test_windows_keep_clear_of_held_out_frames(length, seed):
    data = recording()
    windows = data.windows(length, torch.Generator().manual_seed(seed))
    assert windows == data.windows(length, torch.Generator().manual_seed(seed))
    stretches = [0, *(edge for run in data.held_out_runs for edge in run), 90]
    for a, b in windows:
        assert 4 <= b - a <= length
        assert any(low <= a and b <= high for low, high in zip(stretches[::2], stretches[1::2], strict=True))
        assert data.good[a:b].any()


def test_windows_come_to_all_trained_frames():
    data, random = recording(), torch.Generator().manual_seed(0)
    seen = np.zeros(90, dtype=bool)
    for _ in range(100):
        for a, b in data.windows(20, random):
            seen[a:b] = True
    assert (seen >= data.trained).all()
    assert not (seen & data.held_out).any()


def test_no_window_is_all_bad():
    data = Recording(Stack(movie(300), bad_frames={*bad(300), *range(80, 160)}), FitConfig(latents=4))
    for seed in range(20):
        assert all(data.good[a:b].any() for a, b in data.windows(20, torch.Generator().manual_seed(seed)))


def test_a_range_is_all_that_counts():
    frames = movie(200)
    whole = Recording(Stack(frames[60:180]), FitConfig(latents=4))
    part = Recording(Stack(frames), FitConfig(latents=4, frames=(60, 180)))
    assert part.held_out_runs == [(a + 60, b + 60) for a, b in whole.held_out_runs]
    assert all(b <= c for (_, b), (c, _) in pairwise(part.held_out_runs))
    np.testing.assert_array_equal(part.static, whole.static)
    np.testing.assert_array_equal(part.read(100, 120)[0], whole.read(40, 60)[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frames": (0, 19)}, "at least 20"),
        ({"frames": (0, 100), "order": 20, "window": 100}, "at least 168"),
        ({"order": 10, "window": 23}, "window of 23 frames is too short.*at least 24"),
        ({"latents": 99, "frames": (57, 157)}, "99 latents are too many.*at most 89"),
        ({"latents": 100}, "at most 99"),
        ({"frames": (0, 201)}, "outside the movie"),
        ({"frames": (-1, 100)}, "outside the movie"),
    ],
)
def test_settings_that_do_not_fit_the_movie_say_so(settings, words):
    with pytest.raises(ValueError, match=words):
        Recording(Stack(movie(200), bad_frames=bad(200)), FitConfig(**settings))


def test_the_most_latents_that_are_offered_are_accepted():
    assert (
        Recording(Stack(movie(200), bad_frames=bad(200)), FitConfig(latents=89, frames=(57, 157))).trained.sum() == 90
    )


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
    np.testing.assert_allclose(data.static, marked.static, rtol=1e-2)
    assert data.scale == pytest.approx(marked.scale, rel=1e-2)
