"""The spectral start: a principal subspace, turned to simple structure, that the network then draws."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from napari_varae.core.training.components import (  # fmt: skip
    SMOOTHINGS,
    choose_smoothing,
    components,
    explained,
    localise,
    shrink,
    varimax,
)
from napari_varae.core.training.initialise import GRIDS, draw_first, first_footprints, set_footprints
from scipy.linalg import subspace_angles
from scipy.ndimage import gaussian_filter, uniform_filter
from sklearn.decomposition import PCA

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.static import orthonormal
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.data import Recording

PLACES = ((4, 5), (13, 8), (9, 17))


@pytest.fixture
def spots() -> np.ndarray:
    y, x = np.mgrid[:19, :22]
    return np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 8) for a, b in PLACES])


@pytest.fixture
def frames(rng, spots) -> np.ndarray:
    """Dynamic frames (130, 19, 22): three spots, as strong as each other so that a PCA mixes them, and noise."""
    traces = 3 * rng.normal(size=(130, 3))
    movie = np.tensordot(traces, spots, 1) + 0.3 * rng.normal(size=(130, 19, 22))
    return (movie - movie.mean(0)).astype(np.float32)


def spectral_footprints(frames: np.ndarray, latents: int, smoothing: float) -> np.ndarray:
    """Components, each turned to one place (K, Y, X)."""
    return localise(components(frames, latents, smoothing)).T.reshape(-1, *frames.shape[1:]).numpy()


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_footprints_span_the_principal_subspace(frames, smoothing):
    footprints = spectral_footprints(frames, 5, smoothing).reshape(5, -1)
    smooth = gaussian_filter(frames.astype(np.float64), (0, smoothing, smoothing)).reshape(len(frames), -1)
    components = PCA(5, svd_solver="full").fit(smooth).components_
    np.testing.assert_allclose(footprints @ footprints.T, np.eye(5), atol=1e-5)
    assert subspace_angles(footprints.T, components.T).max() < 1e-3


def test_footprints_are_spots_one_by_one_with_their_bright_side_up(frames, spots):
    footprints = spectral_footprints(frames, 3, 0.5).reshape(3, -1)
    flat = spots.reshape(3, -1)
    likeness = footprints @ (flat / np.linalg.norm(flat, axis=1, keepdims=True)).T
    np.testing.assert_allclose(np.sort(likeness, axis=0), [[0, 0, 0], [0, 0, 0], [1, 1, 1]], atol=0.1)


def test_as_many_footprints_as_frames_are_still_orthonormal(frames):
    footprints = spectral_footprints(frames[:12], 12, 0).reshape(12, -1)
    np.testing.assert_allclose(footprints @ footprints.T, np.eye(12), atol=1e-5)


def criterion(loadings: np.ndarray) -> float:
    """Kaiser's: the variance of the squared loadings within each column, summed."""
    return float(np.square(loadings).var(0).sum())


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 6), spare=st.integers(0, 30))
def test_varimax_is_a_rotation_that_raises_the_criterion(seed, size, spare):
    loadings = np.linalg.qr(np.random.default_rng(seed).normal(size=(size + spare, size)))[0]
    rotation = varimax(torch.from_numpy(loadings)).numpy()
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(size), atol=1e-10)
    assert criterion(loadings @ rotation) >= criterion(loadings) * (1 - 1e-5)


def test_what_takes_long_asks_whether_it_is_wanted(rng):
    """Between the steps of a rotation, a choice of smoothing and a fit of maps, which read no frames."""

    class Unwanted(Exception):
        pass

    asked = []

    def refuse():
        asked.append(1)
        if len(asked) == 3:
            raise Unwanted

    frames = rng.normal(size=(30, 8, 8)).astype(np.float32)
    basis = components(frames, 3, 0.5)
    network = Autoencoder((8, 8), 3, 4, 5)
    for work in (
        partial(varimax, basis),
        partial(localise, basis),
        partial(choose_smoothing, frames, frames, 3),
        partial(set_footprints, network, basis.T.reshape(3, 8, 8), torch.from_numpy(frames[0])),
    ):
        asked.clear()
        with pytest.raises(Unwanted):
            work(check=refuse)


def test_varimax_stops_where_the_criterion_is_stationary(rng):
    loadings = rng.normal(size=(60, 4)) ** 3
    rotation = varimax(torch.from_numpy(loadings), steps=2000, tolerance=0).numpy()
    turned = loadings @ rotation
    slope = turned.T @ (turned * (turned**2 - (turned**2).mean(0)))  # symmetric where no rotation helps
    np.testing.assert_allclose(slope, slope.T, atol=1e-3 * np.abs(slope).max())


def test_varimax_finds_planted_simple_structure(rng):
    simple = np.zeros((40, 4))
    for column, scale in enumerate((1.0, 1.2, 0.8, 1.1)):
        simple[10 * column : 10 * (column + 1), column] = scale * rng.uniform(0.5, 1, 10)
    hidden = simple @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    agreement = np.abs(np.corrcoef((hidden @ varimax(torch.from_numpy(hidden)).numpy()).T, simple.T)[:4, 4:])
    np.testing.assert_allclose(np.sort(agreement.max(0)), 1, atol=1e-4)
    assert len(set(agreement.argmax(0))) == 4


def test_shrinking_never_enlarges_or_flips(frames):
    footprints = spectral_footprints(frames, 6, 0.85)
    shrunk = shrink(footprints, frames)
    assert (np.abs(shrunk) <= np.abs(footprints)).all()
    assert (shrunk * footprints >= 0).all()


def test_shrinking_takes_noise_and_leaves_signal(frames, spots, rng):
    images = np.concatenate([spots, gaussian_filter(rng.normal(size=(3, 19, 22)), (0, 0.85, 0.85))]).reshape(6, -1)
    footprints = np.linalg.qr(images.T)[0].T.reshape(6, 19, 22).astype(np.float32)
    kept = np.linalg.norm(shrink(footprints, frames), axis=(1, 2))
    assert kept[:3].min() > 0.95
    assert kept[3:].max() < 0.6


def test_shrinking_follows_the_formula_of_james_and_stein(frames):
    footprints = spectral_footprints(frames, 4, 0.85)
    design = frames.reshape(len(frames), -1).astype(np.float64) @ footprints.reshape(4, -1).T
    pixels = frames.reshape(len(frames), -1)
    residual = ((pixels - design @ footprints.reshape(4, -1)) ** 2).mean(0).reshape(frames.shape[1:])
    error = np.linalg.inv(design.T @ design).diagonal()[:, None, None] * residual
    for i in range(4):
        factor = 1 - 0.25 * uniform_filter(error[i], 5) / uniform_filter(footprints[i].astype(np.float64) ** 2, 5)
        np.testing.assert_allclose(
            shrink(footprints, frames)[i], footprints[i] * factor.clip(0), atol=2e-4 * np.abs(footprints).max()
        )


def drawing_network(image=(19, 22), latents=4, step=4, channels=6) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(image, latents, step, channels)


def test_footprints_that_the_network_drew_are_drawn_again():
    net, static = drawing_network(), torch.rand(19, 22, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        target = net.banks(static)[1]
        set_footprints(net, target.view(-1, 19, 22), static)
        _, rough = net.banks(static)
        set_footprints(net, target.view(-1, 19, 22), static, steps=300, ridge=1e-7)
        filters, drawn = net.banks(static)
    assert float((rough - target).norm() / target.norm()) < 0.05
    assert float((drawn - target).norm() / target.norm()) < 1e-3
    torch.testing.assert_close(filters @ drawn.T, torch.eye(4), atol=1e-3, rtol=0)


def test_maps_solve_the_ridge_problem():
    net, static = drawing_network(channels=3, step=6).double(), torch.rand(19, 22, dtype=torch.float64)
    target = torch.randn(4, 19, 22, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    set_footprints(net, target, static, steps=400, ridge=1e-2)
    with torch.no_grad():
        features = net.features(static)
        size = net.draw[0].numel()
        design = net.bank(torch.eye(size, dtype=torch.float64).view(size, *net.draw.shape[1:]), features).T
    normal = design.T @ design + 1e-2 * 6**2 * torch.eye(size)
    expected = torch.linalg.solve(normal, design.T @ target.flatten(1).T).T
    torch.testing.assert_close(net.draw.detach().flatten(1), expected, atol=1e-6, rtol=1e-4)


def test_reading_inverts_drawing():
    net, static = drawing_network(), torch.rand(19, 22, generator=torch.Generator().manual_seed(1))
    target = torch.randn(4, 19, 22, generator=torch.Generator().manual_seed(3))
    set_footprints(net, target, static)
    with torch.no_grad():
        filters, footprints = net.banks(static)
    inverse = np.linalg.pinv(footprints.numpy().T)
    assert np.linalg.norm(filters.numpy() - inverse) < 1e-2 * np.linalg.norm(inverse)


def test_an_empty_footprint_stays_empty_and_finite():
    net, static = drawing_network(), torch.rand(19, 22, generator=torch.Generator().manual_seed(1))
    target = torch.randn(4, 19, 22, generator=torch.Generator().manual_seed(3))
    target[2] = 0
    set_footprints(net, target, static)
    assert bool(net.draw[2].eq(0).all())
    assert bool(net.read.isfinite().all())


FIRST, SECOND, THIRD = 0, 1, 2


def recording(frames: np.ndarray, static: np.ndarray, **settings) -> Recording:
    movie = 100 + 40 * static + frames
    return Recording(Stack(movie.astype(np.float32)), FitConfig(latents=2, held_out=0.1, **settings))


@pytest.fixture
def autoregressive(rng, spots) -> np.ndarray:
    """Frames (400, 19, 22): two spots follow their past, the third one is stronger and follows nothing."""
    noise = rng.normal(size=(400, 3))
    traces = noise.copy()
    for t in range(1, 400):
        traces[t, :THIRD] += 0.9 * traces[t - 1, :THIRD]
    traces /= traces.std(0)
    movie = np.tensordot(traces * (3, 3, 3.6), spots, 1) + 0.3 * rng.normal(size=(400, 19, 22))
    return movie - movie.mean(0)


def spots_found(footprints: np.ndarray, spots: np.ndarray) -> list[int]:
    flat = spots.reshape(len(spots), -1)
    likeness = footprints.reshape(len(footprints), -1) @ (flat / np.linalg.norm(flat, axis=1, keepdims=True)).T
    assert (likeness.max(1) > 0.8).all()
    return sorted(likeness.argmax(1).tolist())


def test_what_can_be_predicted_comes_before_what_only_flickers(autoregressive, spots):
    data, none = recording(autoregressive, spots.sum(0)), torch.zeros(0, 19, 22)
    assert spots_found(first_footprints(data, none, 2, 1, 0.5, prediction_weight=2.0)[0], spots) == [FIRST, SECOND]
    third = spots[THIRD].ravel() / np.linalg.norm(spots[THIRD])
    strongest, _ = first_footprints(data, none, 2, 1, 0.5, prediction_weight=0.0)
    assert np.abs(strongest.reshape(2, -1) @ third).max() > 0.9


def test_without_weight_the_start_is_a_pca(autoregressive, spots):
    data, none = recording(autoregressive, spots.sum(0)), torch.zeros(0, 19, 22)
    footprints = first_footprints(data, none, 3, 1, 0.0, prediction_weight=0.0)[0].reshape(3, -1)
    frames = data.summary_frames(2000).reshape(-1, 19 * 22)
    components = PCA(3, svd_solver="full").fit(frames).components_
    assert subspace_angles(footprints.T, components.T).max() < 0.1  # as shrunk as they are


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_brightness_and_motion_are_kept_apart_from_cells(rng, spots, weight):
    static = gaussian_filter(rng.random((19, 22)), 1.5)
    static = (static - static.mean()) / static.std()
    whole = torch.from_numpy(np.stack([static, np.gradient(static, axis=1)])).float()
    changes = rng.normal(size=(400, 2)).cumsum(0) @ whole.reshape(2, -1).numpy() / 5
    cells = np.tensordot(rng.normal(size=(400, 2)), spots[:2], 1)
    frames = changes.reshape(400, 19, 22) + cells + 0.2 * rng.normal(size=(400, 19, 22))
    data = recording(frames, static)
    footprints, _ = first_footprints(data, whole, 4, 1, 0.5, weight)
    flat, common = footprints.reshape(4, -1), np.linalg.qr(whole.reshape(2, -1).T.numpy())[0]
    np.testing.assert_allclose(np.abs(flat[:2] @ common), np.eye(2), atol=1e-4)
    np.testing.assert_allclose(flat[2:] @ common, 0, atol=0.15)
    assert spots_found(footprints[2:], spots) == [FIRST, SECOND]


def test_images_of_the_whole_that_nothing_follows_get_no_latent(autoregressive, spots, rng):
    whole = torch.from_numpy(gaussian_filter(rng.normal(size=(19, 22)), 2)).float()[None]
    footprints, _ = first_footprints(recording(autoregressive, spots.sum(0)), whole, 3, 1, 0.5, 2.0)
    assert spots_found(footprints, spots) == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_basis_spans_what_its_images_span_and_nothing_else(rng, rank):
    images = rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 6))
    basis = orthonormal(torch.from_numpy(images).float()).numpy()
    assert basis.shape == (40, rank)
    np.testing.assert_allclose(basis.T @ basis, np.eye(rank), atol=1e-5)
    np.testing.assert_allclose(basis @ (basis.T @ images), images, atol=1e-4)


def test_explained_is_the_share_of_a_projection(rng):
    images, frames = rng.normal(size=(30, 4)), rng.normal(size=(50, 30))
    images[:, 2] = images[:, 0] - images[:, 1]
    known = frames @ images @ np.linalg.pinv(images)
    found = explained(torch.from_numpy(images).float(), torch.from_numpy(frames).float())
    assert found == pytest.approx((known**2).sum() / (frames**2).sum(), rel=1e-4)


@pytest.mark.parametrize(("noise", "narrow"), [(0.02, True), (1.5, False)])
def test_the_noisier_the_movie_the_wider_the_smoothing(rng, noise, narrow):
    """Single bright pixels need none; wide spots that drown in noise need it."""
    y, x = np.mgrid[:19, :22]
    width = 0.3 if narrow else 3.0
    spots = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * width**2)) for a, b in PLACES])
    frames = np.tensordot(rng.normal(size=(400, 3)), spots, 1) + noise * rng.normal(size=(400, 19, 22))
    frames = frames.astype(np.float32)
    chosen = choose_smoothing(frames[:300], frames[300:], 3)
    started = first_footprints(recording(frames, spots.sum(0)), torch.zeros(0, 19, 22), 3, 1, None, 0.0)[1]
    for width in (chosen, started):
        assert width == SMOOTHINGS[0] if narrow else width in SMOOTHINGS[-2:]


@pytest.mark.parametrize("width", [0.4, 6.0])
def test_the_grid_is_as_coarse_as_the_footprints_allow(rng, width):
    y, x = np.mgrid[:32, :32]
    footprints = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * width**2)) for a, b in ((9, 9), (20, 23))])
    frames = np.tensordot(rng.normal(size=(300, 2)), footprints, 1) + 1e-3 * rng.normal(size=(300, 32, 32))
    data = recording(frames, np.zeros((32, 32)))

    def make(step: int) -> Autoencoder:
        torch.manual_seed(0)
        return Autoencoder((32, 32), 2, step, 8, static_skip=False)

    images, static = torch.from_numpy(footprints).float(), torch.from_numpy(data.static / data.scale)
    network = draw_first(make, data, images, static)
    assert network.step == (GRIDS[-1] if width < 1 else GRIDS[0])


def test_without_a_skip_the_start_draws_the_static_image_too(autoregressive, spots):
    static = gaussian_filter(np.random.default_rng(0).random((19, 22)), 1)
    for weight in (0.0, 2.0):
        data = recording(autoregressive, 20 * static, static_skip=False)
        footprints, _ = first_footprints(data, torch.zeros(0, 19, 22), 4, 1, 0.0, weight)
        frames = torch.from_numpy(data.held_out_frames(200)).flatten(1)
        static_part = torch.from_numpy(data.static / data.scale).flatten()
        basis = orthonormal(torch.from_numpy(footprints).flatten(1).T)
        left = (frames - frames @ basis @ basis.T).square().sum() / (frames - static_part).square().sum()
        assert left < 0.5  # of the variance around the static image
