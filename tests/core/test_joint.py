"""The joint estimate of two ranges: the conditions of its optimum, and a dense product."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_varae.core._joint import estimate, product
from napari_varae.core.two_sample import Sample, difference


@pytest.fixture
def samples(rng) -> tuple[Sample, Sample]:
    """Two ranges of different lengths, whose VARs share most of their coefficients; two lags."""
    ranges = []
    for length, link in ((300, 0.4), (220, -0.4)):
        z = rng.normal(size=(length, 6)) * [1, 2, 1, 1, 0.5, 1]
        for t in range(1, length):
            z[t] += 0.6 * z[t - 1]
            z[t, 1] += link * z[t - 1, 0]
        ranges.append(Sample.of([torch.from_numpy(z)], 2))
    return ranges[0], ranges[1]


def solve(a: Sample, b: Sample, iterations: int):
    """Estimate from zero."""
    n, (k, p) = a.count + b.count, a.cross.shape[1:]
    (side_a,), (side_b,) = a.sides(a.count / n), b.sides(b.count / n)
    levels = math.sqrt(2 * math.log(p) / n), 0.5 * math.sqrt(2 * math.log(p * k) / n)
    found = estimate(side_a, side_b, np.zeros((k, p)), side_a.square, side_b.square, levels, iterations)
    return side_a, side_b, levels, found


def test_the_estimate_is_optimal(samples):
    """No subgradient of the penalised squares leads anywhere, and the variances are those of the residuals."""
    a, b, levels, (common, delta, variance_a, variance_b) = solve(*samples, 3000)
    own = np.tile(np.eye(6, dtype=bool), 2)
    slopes, spreads = [], []
    for side, sample, x, variance in (
        (a, samples[0], common + delta / 2, variance_a),
        (b, samples[1], common - delta / 2, variance_b),
    ):
        residuals = (sample.y[0] - sample.x[0] @ torch.from_numpy(x).T).numpy()
        np.testing.assert_allclose(variance, (residuals**2).mean(0), rtol=1e-6)
        weight = (side.share / variance)[:, None]
        slopes.append(weight * (x @ side.gram - side.cross))
        spreads.append(weight * side.gram.diagonal())
    penalty = np.where(own, 0, levels[0] * np.sqrt(spreads[0] + spreads[1]))
    penalty_delta = levels[1] * np.sqrt(spreads[0] * spreads[1] / (spreads[0] + spreads[1]))
    for x, slope, allowed in (
        (common, slopes[0] + slopes[1], penalty),
        (delta, (slopes[0] - slopes[1]) / 2, penalty_delta),
    ):
        active = x != 0
        np.testing.assert_allclose(slope[active], -(allowed * np.sign(x))[active], atol=1e-6)
        assert (np.abs(slope) <= allowed + 1e-6).all()
        assert 0 < active.sum() < active.size
    assert common[own].all()
    assert delta[1, 0] > 0.2


def test_resamples_are_estimated_each_for_itself(samples):
    """Side by side and on several threads as one by one."""
    shifts = torch.arange(3)[:, None, None] / 10
    many = [Sample.centred(s.x + shifts * s.x.flip(-1), s.y + shifts * s.y.flip(-1)) for s in samples]
    together = difference(*many)
    for i in range(3):
        alone = difference(*(Sample(s.x[i : i + 1], s.y[i : i + 1]) for s in many))
        torch.testing.assert_close(together.score[i], alone.score[0], rtol=1e-9, atol=1e-9)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.just(9)), elements=st.sampled_from([0.0, 0.0, 1.5, -2.0])),
    st.integers(0, 2**31),
)
def test_the_sparse_product_is_a_product(x, seed):
    half = np.random.default_rng(seed).normal(size=(9, 9))
    out = np.full_like(x, np.nan)
    product(x, half @ half.T, out)
    np.testing.assert_allclose(out, x @ half @ half.T, atol=1e-10)
