"""Rotation to simple structure: it is a rotation, it raises Kaiser's criterion, and it takes mixed images apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.training.rotation import localise, varimax


def criterion(loadings: np.ndarray) -> float:
    """Kaiser's: the variance of the squared loadings within each column, summed."""
    return float(np.square(loadings).var(0).sum())


def turn(loadings: np.ndarray, **kwargs) -> np.ndarray:
    return varimax(torch.from_numpy(loadings)[None], **kwargs)[0].numpy()


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 6), spare=st.integers(0, 30))
def test_varimax_is_a_rotation_that_raises_the_criterion(seed, size, spare):
    loadings = np.linalg.qr(np.random.default_rng(seed).normal(size=(size + spare, size)))[0]
    rotation = turn(loadings)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(size), atol=1e-6)
    assert criterion(loadings @ rotation) >= criterion(loadings) * (1 - 1e-5)


def test_varimax_stops_where_the_criterion_is_stationary(rng):
    loadings = rng.normal(size=(60, 4)) ** 3
    turned = loadings @ turn(loadings, steps=2000, tolerance=0)
    slope = turned.T @ (turned * (turned**2 - (turned**2).mean(0)))  # symmetric where no rotation helps
    np.testing.assert_allclose(slope, slope.T, atol=1e-3 * np.abs(slope).max())


def test_varimax_finds_planted_simple_structure(rng):
    simple = np.zeros((40, 4))
    for column, scale in enumerate((1.0, 1.2, 0.8, 1.1)):
        simple[10 * column : 10 * (column + 1), column] = scale * rng.uniform(0.5, 1, 10)
    hidden = simple @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    agreement = np.abs(np.corrcoef((hidden @ turn(hidden)).T, simple.T)[:4, 4:])
    np.testing.assert_allclose(np.sort(agreement.max(0)), 1, atol=1e-4)
    assert len(set(agreement.argmax(0))) == 4


def test_problems_advance_together_as_they_do_alone(rng):
    """Some settle sooner than others."""
    loadings = rng.normal(size=(5, 40, 3)) ** np.array([1, 3, 1, 3, 5])[:, None, None]
    together = varimax(torch.from_numpy(loadings)).numpy()
    for one, rotation in zip(loadings, together, strict=True):
        np.testing.assert_allclose(turn(one), rotation, atol=1e-4)


@pytest.mark.parametrize("loadings", [np.zeros((6, 3)), np.ones((6, 3)), np.eye(6)[:, :3] * (1, 0, 0)], ids=str)
def test_loadings_without_structure_give_a_rotation_too(loadings):
    rotation = turn(loadings)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-6)


def test_mixed_images_are_taken_apart_with_their_bright_side_up(rng):
    y, x = np.mgrid[:20, :20]
    spots = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 8) for a, b in ((4, 5), (13, 8), (9, 16))]).reshape(3, -1)
    unit = np.linalg.qr(spots.T)[0]
    mixed = unit @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = localise(torch.from_numpy(np.stack([mixed, -mixed])).float()).numpy()
    for images in found:
        np.testing.assert_allclose(images.T @ images, np.eye(3), atol=1e-5)
        likeness = images.T @ (spots / np.linalg.norm(spots, axis=1, keepdims=True)).T
        np.testing.assert_allclose(np.sort(likeness, axis=0), [[0, 0, 0], [0, 0, 0], [1, 1, 1]], atol=0.1)


def test_it_asks_whether_it_is_wanted(rng):
    class Unwanted(Exception):
        pass

    asked = []

    def refuse():
        asked.append(1)
        if len(asked) == 3:
            raise Unwanted

    with pytest.raises(Unwanted):
        varimax(torch.from_numpy(rng.normal(size=(1, 60, 4)) ** 3), check=refuse)
