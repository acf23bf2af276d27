"""Leading components of tiled frames, against a singular value decomposition of the smoothed frames."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.ndimage import gaussian_filter

from napari_varae.core.training.lowrank import leading_components, merge_components, smoothing_matrix

EDGE = 20
PLACES = ((6, 7), (14, 8), (9, 13), (12, 13))


def spots(places=PLACES, edge: int = EDGE) -> np.ndarray:
    """Gaussian spots that keep clear of the border, shape (len(places), edge^2)."""
    y, x = np.mgrid[:edge, :edge]
    return np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in places]).reshape(len(places), -1)


def movie(rng, tiles: int = 2, frames: int = 150, noise: float = 0.01) -> np.ndarray:
    """Frames (N, B, P): spots of different strength, and a little noise."""
    traces = rng.normal(size=(tiles, frames, len(PLACES))) * (1.0, 1.5, 2.0, 3.0)
    return traces @ spots() + noise * rng.normal(size=(tiles, frames, EDGE**2))


def leading(frames: np.ndarray, count: int, width: float, known: np.ndarray | None = None) -> np.ndarray:
    random = torch.Generator().manual_seed(0)
    edge = round(frames.shape[2] ** 0.5)
    start = None if known is None else torch.from_numpy(known)
    return leading_components(torch.from_numpy(frames).float(), count, edge, width, random, start).numpy()


@pytest.mark.parametrize("width", [0.0, 0.85, 1.2])
def test_components_span_the_principal_subspace_of_smoothed_frames(rng, width):
    frames = movie(rng)
    for tile, found in zip(frames, leading(frames, 4, width), strict=True):
        smooth = gaussian_filter(tile.reshape(-1, EDGE, EDGE), (0, width, width), mode="nearest").reshape(len(tile), -1)
        _, sizes, images = np.linalg.svd(smooth, full_matrices=False)
        assert subspace_angles(found, images[:4].T).max() < 0.01
        np.testing.assert_allclose(np.linalg.norm(found, axis=0), sizes[:4], rtol=1e-2)
        likeness = np.abs((found / np.linalg.norm(found, axis=0)).T @ images[:4].T)
        np.testing.assert_allclose(likeness, np.eye(4), atol=0.02)  # one by one, strongest first


def test_components_of_white_noise_come_close_to_the_best(rng):
    frames = rng.normal(size=(1, 300, 100))
    found = leading(frames, 10, 0.0)[0]
    best = np.square(np.linalg.svd(frames[0])[1][:10]).sum()
    unit = np.linalg.qr(found)[0]
    assert 0.93 * best < np.square(frames[0] @ unit).sum() <= best * (1 + 1e-6)


@pytest.mark.parametrize("width", [0.0, 0.85])
def test_from_known_components_the_same_are_found_and_new_ones_as_well(rng, width):
    before = (rng.normal(size=(2, 150, 3)) * (1.0, 1.5, 2.0)) @ spots()[:3]
    after = movie(rng)  # the strongest spot was silent before
    again = leading(after, 4, width, known=leading(before, 4, width))
    for found, expected in zip(again, leading(after, 4, width), strict=True):
        assert subspace_angles(found, expected).max() < 0.01
        np.testing.assert_allclose(np.linalg.norm(found, axis=0), np.linalg.norm(expected, axis=0), rtol=1e-3)


def test_from_more_known_components_than_frames(rng):
    known = leading(movie(rng, tiles=1), 4, 0.5)
    few = movie(rng, tiles=1, frames=3)
    found = leading(few, 4, 0.5, known=known)[0]
    np.testing.assert_allclose(np.linalg.norm(found[:, 3:]), 0, atol=1e-4 * np.linalg.norm(found))
    assert subspace_angles(found[:, :3], leading(few, 3, 0.5)[0]).max() < 0.01


def test_smoothing_is_a_gaussian_filter_with_unit_sum():
    matrix = smoothing_matrix(15, 1.2).numpy()
    image = np.random.default_rng(0).normal(size=(15, 15))
    expected = gaussian_filter(image, 1.2, mode="nearest")
    np.testing.assert_allclose(matrix @ image @ matrix.T, expected, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)


def test_beyond_the_rank_there_is_nothing(rng):
    frames = rng.normal(size=(2, 50, 3)) @ spots()[:3]
    found = leading(frames, 7, 0.5)
    assert found.shape == (2, EDGE**2, 7)
    sizes = np.linalg.norm(found, axis=1)
    assert (sizes[:, :3] > 0.1).all()
    np.testing.assert_allclose(sizes[:, 3:], 0, atol=1e-4 * sizes.max())
    assert np.isfinite(found).all()


def test_a_dim_spot_beside_a_bright_one_is_found(rng):
    frames = (rng.normal(size=(1, 300, 2)) * (1.0, 0.02)) @ spots()[[0, 3]]
    expected = np.linalg.svd(frames[0])[1][:2]
    np.testing.assert_allclose(np.linalg.norm(leading(frames, 2, 0.0)[0], axis=0), expected, rtol=0.01)


def test_fewer_frames_than_components(rng):
    found = leading(movie(rng, tiles=1, frames=3, noise=1.0), 3, 0.0)[0]
    assert found.shape == (EDGE**2, 3)
    products = found.T @ found
    np.testing.assert_allclose(products - np.diag(products.diagonal()), 0, atol=1e-3 * products.max())


@pytest.mark.parametrize("width", [0.0, 0.85])
def test_components_of_parts_are_those_of_all(rng, width):
    """Merged, as many as the rank carry the products of all frames."""
    frames = movie(rng, frames=210, noise=0.0)
    parts = [torch.from_numpy(leading(frames[:, part], 6, width)) for part in np.split(np.arange(210), [70, 130])]
    together = parts[0]
    for part in parts[1:]:
        together = merge_components([together, part], 6)
    whole = torch.from_numpy(leading(frames, 6, width))
    torch.testing.assert_close(together @ together.mT, whole @ whole.mT, rtol=1e-3, atol=1e-3 * float(whole.max()) ** 2)
    sizes = together.norm(dim=1)
    assert bool((sizes.diff(dim=1) <= 1e-4 * sizes.max()).all())


def test_merging_keeps_the_strongest(rng):
    frames = movie(rng, tiles=1, frames=400)
    whole = leading(frames, 4, 0.5)[0]
    parts = [torch.from_numpy(leading(frames[:, part], 4, 0.5)) for part in np.split(np.arange(400), 2)]
    merged = merge_components(parts, 4)[0].numpy()
    assert subspace_angles(merged, whole).max() < 0.01


def test_a_single_part_is_left_as_it_is(rng):
    found = torch.from_numpy(leading(movie(rng), 6, 0.0))
    assert torch.equal(merge_components([found], 4), found[:, :, :4])
