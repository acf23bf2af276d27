"""Moments and variances that are computed in a quick way, beside their definitions."""

import pickle

import numpy as np
import pytest

from napari_varae.core.comparison.inference import permutation as module
from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.permutation import BlockPermutation
from napari_varae.core.comparison.inference.score_variance import LEAST_SHARE, score_variance
from napari_varae.core.comparison.inference.statistic import difference


def latents(n, seed, k=4):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k)).cumsum(0) * 0.1
    z[:, 1] = 0.3 + 1e-3 * rng.normal(size=n)
    return z


def pair(order=1, noise=None):
    return tuple(Sample.of([latents(n, seed)], order, noise) for seed, n in enumerate((175, 133)))


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("noise", [None, 1e-8 * np.eye(4)])
def test_moments_of_permuted_blocks_are_those_of_their_lag_pairs(order, noise):
    samples = pair(order, noise)
    permutation = BlockPermutation(samples, difference(*samples), 20)
    for blocks in np.random.default_rng(0).permuted(np.tile(np.arange(14), (5, 1)), axis=1):
        for side, taken in enumerate(np.split(blocks, [8])):
            quick = permutation._sample(taken, side)
            direct = Sample(quick.x, quick.y, quick.noise_of_pairs)
            assert quick.known is not None
            for name in ("gram", "cross", "square"):
                np.testing.assert_allclose(getattr(quick, name), getattr(direct, name), rtol=1e-9, atol=1e-12)


def test_a_permutation_without_memory_for_the_moments_gives_the_same(monkeypatch):
    samples = pair()
    observed, order = difference(*samples), np.roll(np.arange(14), 5)
    quick = BlockPermutation(samples, observed, 20).difference(order)
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    direct = BlockPermutation(samples, observed, 20)
    assert direct._moments is None
    np.testing.assert_allclose(direct.difference(order).score, quick.score, rtol=1e-6)


def test_moments_are_computed_again_where_a_permutation_is_sent():
    samples = pair()
    permutation = BlockPermutation(samples, difference(*samples), 20)
    before = len(pickle.dumps(permutation))
    here = permutation.difference(np.arange(14)[::-1])
    sent = pickle.dumps(permutation)
    assert len(sent) == before
    assert np.array_equal(pickle.loads(sent).difference(np.arange(14)[::-1]).score, here.score)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_the_variance_of_scores_in_single_precision_is_that_in_double(noisy, unit):
    rng = np.random.default_rng(0)
    z = unit * (latents(1300, 0) + 0.05 * rng.normal(size=(1300, 4)))
    sample = Sample.of([z], 2, 1e-3 * unit**2 * np.eye(4) if noisy else None)
    coefficients = rng.normal(size=(4, 8)) * (rng.random((4, 8)) < 0.5)
    weights = np.eye(8) + 0.2 * rng.normal(size=(8, 8))
    residuals, directions = sample.y - sample.x @ coefficients.T, sample.x / sample.size @ weights.T
    products = residuals[:, :, None] * directions[:, None]
    expected = np.square(products).mean(0)
    if noisy:
        products -= products.mean(0)
        square = np.square(products).mean(0)
        later = sum((products[lag:] * products[:-lag]).sum(0) for lag in (1, 2)) / len(products)
        expected = np.maximum(square + 2 * later, LEAST_SHARE * square)
    found = score_variance(sample, coefficients, weights)
    np.testing.assert_allclose(found, expected, rtol=0.01 if noisy else 3e-6)
