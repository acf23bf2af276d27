"""Figures of merit, against their definitions written out."""

import numpy as np
import pytest

from napari_varae.core.fit.evaluate import evaluate
from napari_varae.core.movie.stack import Stack


@pytest.mark.parametrize("frames", [None, (0, 320), (100, 300), (135, 145), (8, 9)])
def test_they_are_what_they_are_called(small_fit, small_stack, frames):
    start, stop = frames or (0, 320)
    movie, images = small_stack.read(start, stop), small_fit.reconstruct(small_stack, frames)
    ahead, z = small_fit.predict(small_stack, frames), small_fit.encode(small_stack, frames)
    z_ahead = small_fit.predict_latents(small_stack, frames)
    bad = small_stack.bad_frames
    use = [t - start for t in range(start, stop) if t >= 2 and not {t, t - 1, t - 2} & bad]

    def unexplained(a, b, origin):
        return np.square(a - b)[use].sum(dtype=float) / np.square(a - origin)[use].sum(dtype=float)

    found = evaluate(small_fit, small_stack, frames)
    assert found["reconstruction_fve"] == pytest.approx(1 - unexplained(movie, images, small_fit.static), abs=1e-4)
    assert found["prediction_fve"] == pytest.approx(1 - unexplained(movie, ahead, small_fit.static), abs=1e-4)
    var = small_fit.var
    z, z_ahead = (z - var.mean) / var.scale, (z_ahead - var.mean) / var.scale
    assert found["latent_r2"] == pytest.approx(1 - unexplained(z, z_ahead, 0), abs=1e-4)
    assert found["nonzeros_per_target"] == (var.coefficients != 0).sum() / 6
    assert set(found) == {"reconstruction_fve", "prediction_fve", "latent_r2", "nonzeros_per_target"}
    assert all(type(value) is float for value in found.values())


def test_what_bad_frames_hold_does_not_count(small_fit, small_stack):
    movie = small_stack.array.copy()
    movie[sorted(small_stack.bad_frames)] = 65535
    assert evaluate(small_fit, Stack(movie, bad_frames=small_stack.bad_frames)) == evaluate(small_fit, small_stack)


def test_a_movie_that_the_decoder_drew_is_explained_better(small_fit, small_stack):
    drawn = Stack(small_fit.reconstruct(small_stack))
    assert evaluate(small_fit, drawn)["reconstruction_fve"] > 0.9


@pytest.mark.parametrize(
    ("frames", "words"),
    [((0, 2), "no good frame with 2 good frames before it"), ((41, 43), "no good frame"), ((300, 330), "outside")],
)
def test_ranges_that_hold_nothing_are_refused(small_fit, small_stack, frames, words):
    with pytest.raises(ValueError, match=words):
        evaluate(small_fit, small_stack, frames)


def test_another_image_size_is_refused(small_fit):
    with pytest.raises(ValueError, match="30 x 35"):
        evaluate(small_fit, Stack(np.zeros((10, 12, 12))))


def test_one_flash_changes_no_figure_without_a_word(small_fit, small_stack):
    """A frame 1000 times brighter would be nearly all of the variance, and all of it explained."""
    calm = evaluate(small_fit, small_stack)
    frames = small_stack.read()
    frames[200] *= 1000
    flashed = Stack(frames, bad_frames=small_stack.bad_frames)
    with pytest.warns(UserWarning, match=r"\(200\), and left out of these figures"):
        found = evaluate(small_fit, flashed)
    assert found == evaluate(small_fit, Stack(frames, bad_frames={200, *small_stack.bad_frames}))
    for name in ("reconstruction_fve", "prediction_fve"):
        assert found[name] == pytest.approx(calm[name], abs=0.02)
