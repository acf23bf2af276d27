"""Variances of means of dependent frames, against closed forms and simulation; the choice of the block length."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.compare import compare_latents
from napari_varae.core.dependence import LENGTHS, Scores, block_length


def scores(residuals, directions) -> Scores:
    return Scores(*(torch.from_numpy(np.asarray(x, float))[None] for x in (residuals, directions)))


@given(st.integers(2, 60), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_blocks_of_one_are_whites_estimate(n, k, p, seed):
    rng = np.random.default_rng(seed)
    e, d = rng.normal(size=(n, k)), rng.normal(size=(n, p))
    expected = np.einsum("ti,tj->ij", e**2, d**2) / n**2
    np.testing.assert_allclose(scores(e, d).variance(1)[0], expected)


@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_blocks_are_clusters(block, blocks, seed):
    rng = np.random.default_rng(seed)
    e, d = rng.normal(size=(blocks * block, 2)), rng.normal(size=(blocks * block, 3))
    products = np.einsum("ti,tj->tij", e, d).reshape(blocks, block, 2, 3).sum(1)
    correction = 1 if block == 1 else blocks / (blocks - 1)
    expected = correction * (products**2).sum(0) / (blocks * block) ** 2
    np.testing.assert_allclose(scores(e, d).variance(block)[0], expected)


def test_a_last_block_may_be_short():
    ones = np.ones((7, 1))
    np.testing.assert_allclose(scores(ones, ones).variance(3)[0], (9 + 9 + 1) / 49 * 3 / 2)


def moving_average(rng, n, length):
    white = rng.normal(size=(n + length - 1, 1))
    return np.convolve(white[:, 0], np.ones(length) / np.sqrt(length), "valid")[:, None]


def test_variance_is_that_of_the_mean_when_blocks_are_long():
    rng, means, found = np.random.default_rng(0), [], []
    for _ in range(400):
        e = moving_average(rng, 1000, 10)
        means.append(e.mean())
        found.append(scores(e, np.ones_like(e)).variance(100).item())
    assert np.mean(found) == pytest.approx(np.var(means), rel=0.15)
    assert np.mean(found) == pytest.approx(10 / 1000, rel=0.15)  # ten times that of independent frames


@pytest.mark.parametrize(("length", "least", "most"), [(1, 1, 2), (10, 10, 100), (40, 50, 200)])
def test_blocks_are_as_long_as_the_dependence(length, least, most):
    rng = np.random.default_rng(1)
    e = np.hstack([moving_average(rng, 4000, length) for _ in range(6)])
    d = np.hstack([moving_average(rng, 4000, length) for _ in range(6)])
    found = block_length((scores(e, d), scores(e, d)))
    assert least <= found.block <= most
    assert found.block in LENGTHS
    assert not found.beyond
    assert (found.inflation > 2) == (length > 1)


def test_it_says_when_ranges_are_shorter_than_the_dependence():
    rng = np.random.default_rng(2)
    e = np.hstack([moving_average(rng, 100, 60) for _ in range(6)])
    assert block_length((scores(e, e), scores(e, e))).beyond


def test_short_ranges_are_taken_frame_by_frame():
    e = np.random.default_rng(0).normal(size=(12, 3))
    assert block_length((scores(e, e), scores(e, e))).block == 1


def test_the_comparison_holds_its_level_where_events_outlast_the_model():
    """Events with a rise and a decay that no VAR of order 1 describes; frame by frame all 20 are rejected."""
    p = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(2000, 5))
        for start in rng.integers(0, 1960, 60):
            z[start : start + 40, rng.integers(5)] += rng.exponential(6) * np.sin(np.linspace(0, np.pi, 40)) ** 2
        found = compare_latents(z[:1000], z[1000:], resamples=19, seed=seed)
        assert found.block >= 10
        assert any("hang together" in warning for warning in found.warnings)
        p.append(found.p_value)
    assert np.sum(np.array(p) <= 0.05) <= 4  # 99.7 % of a test of size 5 %
