"""A fit applied to movies: its parts agree with each other, in the movie's units and for any range."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import center_of_mass, label

from napari_varae.core.autoencoder.static import WHOLE, derivatives
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.train import fit
from napari_varae.core.var.estimate import estimate_var
from napari_varae.errors import StackError

ranges = st.integers(0, 319).flatmap(lambda a: st.tuples(st.just(a), st.integers(a + 1, 320)))


@pytest.fixture(scope="module")
def latents(small_fit, small_stack) -> np.ndarray:
    return small_fit.encode(small_stack)


@pytest.fixture(scope="module")
def predicted(small_fit, small_stack) -> np.ndarray:
    return small_fit.predict(small_stack)


def with_weights(fit: Fit, **weights) -> Fit:
    """The fit with other weights in its network."""
    network = copy.deepcopy(fit.network)
    network.load_state_dict(network.state_dict() | weights)
    return replace(fit, network=network)


def with_footprints(fit: Fit, footprints: np.ndarray) -> Fit:
    """A fit with other footprints (K, Y, X), in the movie's units."""
    network = copy.deepcopy(fit.network)
    tiles = network.tiles.cut(torch.from_numpy(footprints).float() / fit.scale)
    network.drawn.copy_(tiles.gather(1, network.members[:, :, None].expand(-1, -1, tiles.shape[2])))
    return replace(fit, network=network)


@given(frames=ranges)
def test_a_range_is_a_part_of_the_whole(small_fit, small_stack, latents, predicted, frames):
    part = slice(*frames)
    close = {"rtol": 1e-4, "atol": 1e-3}  # blocks of another size round otherwise
    np.testing.assert_allclose(small_fit.encode(small_stack, frames), latents[part], **close)
    np.testing.assert_allclose(
        small_fit.reconstruct(small_stack, frames), small_fit.decode(latents[part]), rtol=1e-4, atol=1e-1
    )
    np.testing.assert_allclose(small_fit.predict(small_stack, frames), predicted[part], rtol=1e-4, atol=1e-1)
    np.testing.assert_allclose(
        small_fit.predict_latents(small_stack, frames),
        small_fit.var.predict(latents, small_stack.good_frames())[part],
        **close,
    )


def test_a_movie_longer_than_a_block_is_one_movie(small_fit, small_stack, latents):
    long = Stack(np.concatenate([small_stack.array] * 2))
    np.testing.assert_allclose(small_fit.encode(long), np.concatenate([latents] * 2), rtol=1e-4, atol=1e-3)


def test_reconstruction_and_prediction_are_decoded_latents(small_fit, small_stack, latents, predicted):
    np.testing.assert_array_equal(small_fit.reconstruct(small_stack), small_fit.decode(latents))
    ahead = small_fit.var.predict(latents, small_stack.good_frames())
    np.testing.assert_array_equal(predicted, small_fit.decode(ahead))


def test_frames_without_a_past_are_not_predicted(small_fit, small_stack, predicted):
    missing = {t for t in range(320) if t < 2 or {t - 1, t - 2} & small_stack.bad_frames}
    assert set(np.flatnonzero(np.isnan(predicted).all((1, 2)))) == missing
    assert np.isfinite(np.delete(predicted, sorted(missing), axis=0)).all()


def test_images_are_in_the_units_of_the_movie(small_fit, small_stack):
    images, movie = small_fit.reconstruct(small_stack), small_stack.read()
    assert images.dtype == np.float32
    assert images.shape == movie.shape
    np.testing.assert_allclose(images.mean(0), movie.mean(0), rtol=0.05)
    residual = np.delete(movie - images, sorted(small_stack.bad_frames), axis=0)
    assert residual.std() < (movie - small_fit.static).std()


def test_the_decoder_adds_footprints_to_the_static_image(small_fit):
    zero = small_fit.decode(np.zeros((1, 6)))
    np.testing.assert_array_equal(zero[0], small_fit.static)
    np.testing.assert_allclose(small_fit.decode(np.eye(6)) - zero, small_fit.footprints, atol=1e-2)
    z = np.random.default_rng(0).normal(size=(4, 6))
    expected = small_fit.static + np.tensordot(z, small_fit.footprints, 1)
    np.testing.assert_allclose(small_fit.decode(z), expected, rtol=1e-5)


def test_latents_have_deviation_one_over_the_training_frames(small_fit, small_stack, latents):
    start, stop = small_fit.frames
    used = latents[start:stop][small_stack.good_frames(start, stop)]
    np.testing.assert_allclose(used.std(0), 1, atol=1e-4)
    np.testing.assert_allclose(small_fit.var.scale, 1, atol=1e-4)
    np.testing.assert_allclose(small_fit.var.mean, used.mean(0), atol=1e-4)


def test_latents_come_in_order_of_the_variance_they_carry(small_fit):
    energy = np.square(small_fit.footprints).sum((1, 2))
    assert (np.diff(energy) <= 0).all()


def test_the_var_is_that_of_the_good_training_frames(small_fit, small_stack, latents):
    start, stop = small_fit.frames
    good = small_stack.good_frames(start, stop)
    again = estimate_var(latents[start:stop], 2, small_fit.config.sparsity, good, "links")
    np.testing.assert_allclose(again.gram, small_fit.var.gram, atol=1e-4)
    np.testing.assert_allclose(small_fit.var.at(again.penalty).coefficients, again.coefficients, atol=1e-3)
    pairs = [t for t in range(start + 2, stop) if not {t, t - 1, t - 2} & small_stack.bad_frames]
    assert again.n_pairs == small_fit.var.n_pairs == len(pairs)


def test_places_are_centroids_of_the_main_part_of_the_bright_half(small_fit):
    for image, place in zip(np.abs(small_fit.footprints), small_fit.places, strict=True):
        bright = np.where(image >= image.max() / 2, image, 0)
        parts, count = label(bright > 0)
        parts = [np.where(parts == i, bright, 0) for i in range(1, count + 1)]
        np.testing.assert_allclose(place, center_of_mass(max(parts, key=np.sum)), atol=1e-3)


@pytest.mark.parametrize(
    "change", [(3.0, 0.2, 0.2, 0.2, 0.2), (0.1, 2.0, 0.1, 0.1, 0.1), (0, 0, 1, 0, 0), (0, 0, 0, -1, 0)]
)
def test_latents_of_the_whole_image_are_told_from_places(small_fit, change, rng):
    images = derivatives(torch.from_numpy(small_fit.static)).numpy()
    footprints = rng.normal(size=small_fit.footprints.shape)  # of no change, and not like a cell either
    footprints[4] = np.tensordot(change, images, 1) + 0.5 * np.abs(change).max() * footprints[4]
    other = with_footprints(small_fit, footprints)
    assert other.whole_image == {4: WHOLE[int(np.abs(change).argmax())]}


def test_a_static_image_without_structure_has_no_motion(small_fit):
    """Its derivatives vanish: nothing looks like them, and no pixel is taken for them."""
    pixels = np.zeros((6, small_fit.shape[0] * small_fit.shape[1]))
    pixels[np.arange(6), np.arange(6)] = 1
    flat = replace(
        with_footprints(small_fit, pixels.reshape(6, *small_fit.shape)),
        normalisation=Normalisation(np.full(small_fit.shape, 3.0, dtype=np.float32), small_fit.scale),
    )
    assert flat.whole_image == {}


def test_motion_has_a_latent_where_a_recording_moves():
    config = SimulationConfig(frames=500, height=48, width=48, cells=5, silent=0, jitter=1.0, bleaching=0.0, seed=1)
    found = fit(simulate(config).stack, FitConfig(latents=8, epochs=0))
    assert {"vertical motion", "horizontal motion"} <= set(found.whole_image.values())
    calm = simulate(config.model_copy(update={"jitter": 0.0})).stack
    assert not any("motion" in name for name in fit(calm, FitConfig(latents=8, epochs=0)).whole_image.values())


def test_a_dead_latent_is_in_the_middle_and_silent(small_fit, small_stack, latents):
    footprints = small_fit.footprints.copy()
    footprints[2] = 0
    dead = with_footprints(small_fit, footprints)
    np.testing.assert_allclose(dead.places[2], (14.5, 17.0), atol=1e-3)
    np.testing.assert_array_equal(dead.decode(np.eye(6)[2:3])[0], dead.static)


def test_the_id_is_that_of_the_weights(small_fit):
    state = small_fit.network.state_dict()
    assert with_weights(small_fit).id == small_fit.id
    for name in state:
        other = state[name].clone()
        other.view(-1)[0] += 1
        assert with_weights(small_fit, **{name: other}).id != small_fit.id
    assert replace(small_fit, var=small_fit.var.at(0.01)).id != small_fit.id


def test_another_image_size_is_refused(small_fit):
    other = Stack(np.zeros((10, 30, 34), np.uint16))
    for method in (
        small_fit.encode,
        small_fit.reconstruct,
        small_fit.predict,
        small_fit.predict_latents,
        small_fit.check,
    ):
        with pytest.raises(ValueError, match=r"30 x 35.*30 x 34"):
            method(other)


@pytest.mark.parametrize("frames", [(0, 321), (-1, 5), (5, 5), (7, 3), (1.5, 3), "ab", 7])
def test_ranges_outside_the_movie_are_refused(small_fit, small_stack, frames):
    for method in (small_fit.encode, small_fit.reconstruct, small_fit.predict):
        with pytest.raises(ValueError, match="frames="):
            method(small_stack, frames)


@pytest.mark.parametrize("shape", [(6,), (3, 5), (2, 3, 6)])
def test_latents_of_another_shape_are_refused(small_fit, shape):
    with pytest.raises(ValueError, match=r"needs \(n, 6\)"):
        small_fit.decode(np.zeros(shape))


def test_pixels_that_are_no_numbers_are_refused(small_fit, small_stack):
    movie = small_stack.array.astype(np.float32)
    movie[7, 2, 2] = np.nan
    with pytest.raises(StackError, match="frame 7"):
        small_fit.encode(Stack(movie))


def test_results_are_plain_arrays(small_fit, small_stack):
    for array in (small_fit.encode(small_stack, (0, 3)), small_fit.static, small_fit.footprints, small_fit.places):
        assert type(array) is np.ndarray
    assert not any(weights.requires_grad for weights in small_fit.network.parameters())
    assert small_fit.device == torch.device("cpu")
