"""Measurement noise in the latents: unbiased moments, a positive Gram matrix, and a test that noise does not trip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_varae.core.comparison.inference.bootstrap import WildBootstrap
from napari_varae.core.comparison.inference.lag_pairs import LEAST, Pool, Sample
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.statistic import difference
from napari_varae.core.comparison.latents import compare_latents

K = 4


def observed(a, n, rng, noise):
    """States of a VAR(1), and what is observed of them with noise of such variances."""
    z = np.zeros((n + 100, len(a)))
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + rng.normal(size=len(a))
    states = z[100:]
    return states, states + rng.normal(size=states.shape) * np.sqrt(noise)


def rule():
    a = 0.7 * np.eye(K)
    a[1, 0], a[3, 2] = 0.3, -0.3
    return a


@pytest.mark.parametrize("order", [1, 2])
def test_moments_are_those_of_the_states(order):
    rng, noise = np.random.default_rng(0), np.array([0.5, 1.0, 2.0, 0.2])
    states, seen = observed(rule(), 60_000, rng, noise)
    truth = Sample.of([states], order)
    for known, sample in ((True, Sample.of([seen], order, np.diag(noise))), (False, Sample.of([seen], order))):
        for name in ("gram", "square"):
            close = np.allclose(getattr(sample, name), getattr(truth, name), atol=0.06)
            assert close == known
        np.testing.assert_allclose(sample.cross, truth.cross, atol=0.06)


def test_coefficients_are_those_of_the_states():
    """Own past is weakened by noise, and more of it in B; corrected, both are what they are."""
    rng, a = np.random.default_rng(1), rule()
    noise = np.full(K, 0.5), np.full(K, 2.0)
    ranges = [observed(a, 20_000, rng, part)[1] for part in noise]
    raw = difference(*(Sample.of([z], 1) for z in ranges))
    corrected = difference(*(Sample.of([z], 1, np.diag(part)) for z, part in zip(ranges, noise, strict=True)))
    assert np.all((raw.a - raw.b).diagonal() > 0.1)
    for found in (corrected.a, corrected.b):
        np.testing.assert_allclose(found, a, atol=0.05)


@given(hnp.arrays(float, (30, 3), elements=st.floats(-10, 10)), st.floats(0, 200))
def test_the_gram_matrix_stays_positive_definite(z, noise):
    sample = Sample.of([z], 2, np.full((3, 3), noise / 2) + noise / 2 * np.eye(3))
    size = np.sqrt((sample.x**2).mean(0)).clip(min=1e-12)
    assert np.linalg.eigvalsh(sample.gram / size[:, None] / size)[0] > LEAST - 1e-6
    assert np.all(sample.square >= 0)


def test_no_noise_changes_nothing():
    rng = np.random.default_rng(2)
    ranges = [observed(rule(), 200, rng, 0.0)[1] for _ in range(2)]
    plain, none = (compare_latents(*ranges, resamples=19, noise=noise) for noise in (None, np.zeros(K)))
    assert plain.uncorrected is None
    assert none.uncorrected.statistic == plain.statistic
    assert none.statistic == pytest.approx(plain.statistic, rel=0.25)  # but for the long-run variance of scores


def test_draws_have_the_noise_that_was_observed():
    """Lag-0 variance and lag-1 covariance of draws from the common model are those of the ranges."""
    rng, noise = np.random.default_rng(3), np.diag([0.5, 1.0, 2.0, 0.2])
    ranges = [observed(rule(), 4000, rng, noise.diagonal())[1] for _ in range(2)]
    ranges = [z - z.mean(0) for z in ranges]
    samples = tuple(Sample.of([z], 1, noise) for z in ranges)
    model = WildBootstrap(tuple([z] for z in ranges), samples, difference(*samples), 1)
    drawn = [model.sample(0, signs) for signs in model.random(20, np.random.default_rng(0))]
    for moment in (lambda s: (s.y**2).mean(0), lambda s: (s.y * s.x).mean(0)):
        np.testing.assert_allclose(np.mean([moment(s) for s in drawn], 0), moment(samples[0]), rtol=0.15)
    for s in drawn:  # a frame is the same as predictor and as target
        np.testing.assert_allclose(s.x[1:] - s.x[1], s.y[:-1] - s.y[0], atol=1e-9)


def test_residuals_of_noisy_latents_are_not_taken_for_another_model():
    rng, noise = np.random.default_rng(4), np.full(K, 2.0)
    ranges = [observed(rule(), 2000, rng, noise)[1] for _ in range(2)]
    raw, corrected = (compare_latents(*ranges, resamples=19, noise=n, power_draws=0).test for n in (None, noise))
    assert corrected.autocorrelation < 0.05 < raw.autocorrelation


def test_noise_of_each_segment_is_that_of_its_lag_pairs():
    rng = np.random.default_rng(7)
    parts, noise = [rng.normal(size=(n, K)) for n in (20, 30, 40)], [np.diag(rng.uniform(0.1, 0.5, K)) for _ in "abc"]
    sample = Sample.of(parts, 2, SegmentNoise.of(noise))
    expected = sum(n * part for n, part in zip((18, 28, 38), noise, strict=True)) / 84
    np.testing.assert_allclose(sample.noise_of_pairs.covariance, expected)
    taken = Pool([sample, sample]).sample(np.r_[5:10, 84 + 18 : 84 + 40])
    np.testing.assert_allclose(taken.noise_of_pairs.covariance, (5 * noise[0] + 22 * noise[1]) / 27)
    np.testing.assert_array_equal(taken.noise_of_pairs.since, np.r_[0:5, 0:22])


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1000))
def test_packed_covariances_are_those_that_were_given(segments, latents, seed):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(segments, latents, latents)) * rng.integers(0, 2, (segments, latents, 1))
    covariances = roots @ roots.transpose(0, 2, 1)
    packed = SegmentNoise.of(list(covariances))
    weights = rng.uniform(0.1, 1, segments)
    expected = np.tensordot(weights / weights.sum(), covariances, 1)
    np.testing.assert_allclose(packed.mean(weights), expected, atol=1e-12)
    twice = SegmentNoise.joined([packed, packed.taken([0])])
    np.testing.assert_allclose(twice.mean([*np.zeros(segments), 1]), covariances[0], atol=1e-12)


def test_noise_may_be_given_for_each_segment():
    rng = np.random.default_rng(8)
    sides = [[observed(rule(), 30, rng, 0.5)[1] for _ in range(6)] for _ in range(2)]
    sizes = [np.full(K, v) for v in np.linspace(0.2, 0.7, 6)]
    few = {"resamples": 19, "power_draws": 0}
    each = compare_latents(*sides, noise=(sizes, [np.diag(part) for part in sizes[::-1]]), **few)
    one = compare_latents(*sides, noise=(sizes[0], sizes[0]), **few)
    assert each.statistic != one.statistic
    same = compare_latents(*sides, noise=([sizes[0]] * 6, sizes[0]), **few)
    np.testing.assert_allclose(same.null, one.null, rtol=1e-6)
    with pytest.raises(ValueError, match="A has 6 segments, and noise for 5"):
        compare_latents(*sides, noise=(sizes[:5], sizes), **few)


def test_noise_is_never_more_than_leaves_latents_stationary():
    rng = np.random.default_rng(5)
    ranges = [observed(rule(), 300, rng, 0.5)[1] for _ in range(2)]
    found = compare_latents(*ranges, resamples=19, noise=np.full(K, 100.0), power_draws=0)
    assert found.test.spectral_radius < 1.1
    assert all(np.all((share > 0) & (share < 1)) for share in found.test.noise_share)


def test_units_of_the_noise_are_those_of_the_latents():
    rng, scale = np.random.default_rng(6), np.geomspace(1e-3, 1e3, K)
    ranges, noise = [observed(rule(), 300, rng, 0.5)[1] for _ in range(2)], (np.full(K, 0.5), 0.7 * np.eye(K))
    plain = compare_latents(*ranges, resamples=19, noise=noise, power_draws=0)
    scaled = compare_latents(
        *(z * scale for z in ranges), resamples=19, power_draws=0,
        noise=(noise[0] * scale**2, noise[1] * scale * scale[:, None]),
    )  # fmt: skip
    np.testing.assert_allclose(scaled.null, plain.null, rtol=1e-4)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.ones(K + 1), "The noise of A has shape"),
        ([np.ones(K), np.full(K, np.nan)], "The noise of B"),
        ([np.ones(K)] * 3, "noise has 3 parts"),
        (-np.ones(K), "not a covariance"),
    ],
)
def test_impossible_noise(noise, message):
    z = np.random.default_rng(0).normal(size=(60, K))
    with pytest.raises(ValueError, match=message):
        compare_latents(z, z + 1, noise=noise)


@pytest.mark.long
def test_more_noise_in_one_range_is_no_change_of_own_past():
    """Of 40 pairs, at 5 %: within 99.9 % of the binomial with the correction, nearly all without it."""
    small = np.zeros((2, 40), dtype=bool)
    for seed in range(40):
        rng, noise = np.random.default_rng(seed), (np.full(K, 0.3), np.full(K, 2.0))
        ranges = [observed(rule(), 400, rng, part)[1] for part in noise]
        for i, known in enumerate((None, noise)):
            found = compare_latents(*ranges, resamples=39, power_draws=0, noise=known, seed=seed)
            small[i, seed] = found.persistence.p_value <= 0.05
    assert small[0].sum() >= 25
    assert small[1].sum() <= 7
