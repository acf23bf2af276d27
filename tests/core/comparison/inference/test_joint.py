"""The joint estimate of two ranges: the conditions of its optimum, and least squares on what it found."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from napari_varae.core.comparison.inference import joint
from napari_varae.core.comparison.inference.joint import estimate, refit
from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.statistic import difference


@pytest.fixture
def samples(rng) -> tuple[Sample, Sample]:
    """Two ranges of different lengths, whose VARs share most of their coefficients; two lags."""
    ranges = []
    for length, link in ((300, 0.4), (220, -0.4)):
        z = rng.normal(size=(length, 6)) * [1, 2, 1, 1, 0.5, 1]
        for t in range(1, length):
            z[t] += 0.6 * z[t - 1]
            z[t, 1] += link * z[t - 1, 0]
        ranges.append(Sample.of([z], 2))
    return ranges[0], ranges[1]


def solve(a: Sample, b: Sample, start: np.ndarray | None = None):
    """Estimate, from zero if not told otherwise."""
    n, (k, p) = a.count + b.count, a.cross.shape
    side_a, side_b = a.side(a.count / n), b.side(b.count / n)
    levels = math.sqrt(2 * math.log(p) / n), 0.5 * math.sqrt(2 * math.log(p * k) / n)
    start = np.zeros((k, p)) if start is None else start
    *found, unsettled = estimate(side_a, side_b, start, side_a.square, side_b.square, levels)
    assert unsettled == 0
    return side_a, side_b, levels, found


def test_the_estimate_is_optimal(samples):
    common, delta = check_optimum(samples, 2e-4)
    own = np.tile(np.eye(6, dtype=bool), 2)
    assert common[own].all()
    assert delta[1, 0] > 0.2
    for x in (common, delta):
        assert 0 < (x != 0).sum() < x.size


def check_optimum(samples, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """No subgradient of the penalised squares leads anywhere, and the variances are those of the residuals."""
    a, b, levels, (common, delta, variance_a, variance_b) = solve(*samples)
    own = np.tile(np.eye(6, dtype=bool), 2)
    slopes, spreads = [], []
    for side, sample, x, variance in (
        (a, samples[0], common + delta / 2, variance_a),
        (b, samples[1], common - delta / 2, variance_b),
    ):
        residuals = sample.y - sample.x @ x.T
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
        np.testing.assert_allclose(slope[active], -(allowed * np.sign(x))[active], atol=tolerance)
        assert (np.abs(slope) <= allowed + tolerance).all()
    return common, delta


def test_an_estimate_that_was_cut_short_is_reported(samples, monkeypatch):
    """The variances settle in more than one round, and coordinates in more than one sweep."""
    a, b, levels, _ = solve(*samples)
    start = np.zeros_like(a.cross), a.square, b.square, levels
    for limit in ("ROUNDS", "SWEEPS"):
        with monkeypatch.context() as patch:
            patch.setattr(joint, limit, 1)
            patch.setattr(joint, "descend", joint.descend.py_func)
            patch.setattr(joint, "settle", joint.settle.py_func)
            *_, unsettled = joint.estimate.py_func(a, b, *start)
        assert unsettled == len(a.cross)


def test_where_it_begins_does_not_matter(samples, rng):
    _, _, _, from_zero = solve(*samples)
    _, _, _, from_elsewhere = solve(*samples, rng.normal(size=from_zero[0].shape))
    for found, expected in zip(from_elsewhere, from_zero, strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("roots", [(0.95, 0.95, 0.95), (0.98, 0.95, 0.9)])
def test_smooth_latents_have_the_same_scores_wherever_the_estimate_begins(rng, roots):
    """Draws begin at the common model, and observed ranges at own past; three lags of such latents hardly differ."""
    z = rng.normal(size=(800, 8))
    for root in roots:
        z = lfilter([1], [1, -root], z, axis=0)
    z = (z - z.mean(0)) / z.std(0)
    ranges = [Sample.of([part], 3) for part in (z[100:450], z[453:])]
    observed = difference(*ranges)
    again = difference(*ranges, (observed.common, observed.variances))
    np.testing.assert_allclose(again.score, observed.score, rtol=2e-3, atol=2e-3)


def test_nearly_the_same_latent_twice_still_has_an_optimum(samples, rng):
    """Predictors that hardly differ make steps short; the optimum is reached all the same."""
    twins = [Sample.centred(s.x.copy(), s.y) for s in samples]
    for sample in twins:
        sample.x[:, 1] = sample.x[:, 0] + 1e-3 * rng.normal(size=len(sample.x))
    check_optimum(twins, 2e-4)
    a, b, _, (common, delta, in_a, in_b) = solve(*twins)
    assert np.isfinite(refit(a, b, common, delta, in_a, in_b)).all()


def test_a_predictor_without_variance_is_left_alone(samples):
    """In one range, or in both."""
    for still in ([0], [0, 1]):
        parts = [Sample(s.x.copy(), s.y) for s in samples]
        for side in still:
            parts[side].x[:, 3] = 0
        _, _, _, found = solve(*parts)
        assert all(np.isfinite(part).all() for part in found)


def test_the_refit_is_weighted_least_squares(samples):
    """On the predictors that the common part uses, with the difference held."""
    a, b, _, (common, delta, in_a, in_b) = solve(*samples)
    found = refit(a, b, common, delta, in_a, in_b)
    assert np.array_equal(found != 0, common != 0)
    for i, row in enumerate(common):
        used = np.flatnonzero(row)
        design, target = [], []
        for sample, sign, variance in ((samples[0], 1, in_a), (samples[1], -1, in_b)):
            x, y = sample.x, sample.y
            design.append(x[:, used] / math.sqrt(variance[i]))
            target.append((y[:, i] - sign * x @ delta[i] / 2) / math.sqrt(variance[i]))
        expected = np.linalg.lstsq(np.vstack(design), np.concatenate(target))[0]
        np.testing.assert_allclose(found[i, used], expected, rtol=1e-6, atol=1e-9)
