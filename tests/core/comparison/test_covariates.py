"""Covariates as exogenous regressors: those of least squares, whatever their effect is in A and in B."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import binom

import napari_varae as nv
from napari_varae.core.comparison.covariates import with_lags
from napari_varae.core.comparison.inference.bootstrap import WildBootstrap, recursion
from napari_varae.core.comparison.inference.lag_pairs import Sample, basis_of
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import difference
from napari_varae.core.comparison.inference.two_sample import two_sample_test
from napari_varae.core.comparison.latents import compare_latents

K = 4
QUICK = {"resamples": 39, "power_draws": 0}


def driven(rng, n, effect, change=0.0):
    """Latents (n, K) of a VAR(1) that a slow covariate (n, 1) drives, and this covariate."""
    a = 0.6 * np.eye(K)
    a[1, 0], a[3, 2] = 0.2 + change, -0.2
    w, z = np.zeros((n + 50, 1)), np.zeros((n + 50, K))
    for t in range(1, n + 50):
        w[t] = 0.95 * w[t - 1] + rng.standard_normal()
        z[t] = a @ z[t - 1] + effect * w[t] + rng.standard_normal(K)
    return z[50:], w[50:]


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(5)
    return driven(rng, 300, np.array([0.8, -0.6, 0.0, 0.5])), driven(rng, 300, np.zeros(K))


def test_projecting_out_is_a_regression_with_covariates(rng):
    # The theorem of Frisch and Waugh (1933) and Lovell (1963).
    z, w = driven(rng, 200, np.ones(K))
    sample = Sample.of([z[:90], z[90:]], 2, covariates=[w[:90], w[90:]])
    x = np.concatenate([np.hstack([p[1:-1], p[:-2]]) for p in (z[:90], z[90:])])
    y, known = (np.concatenate([part[2:90], part[92:]]) for part in (z, w))
    whole = np.linalg.lstsq(np.hstack([x, known, np.ones((len(x), 1))]), y, rcond=None)[0][: 2 * K].T
    np.testing.assert_allclose(np.linalg.solve(sample.gram, sample.cross.T).T, whole, atol=1e-10)


def test_covariates_in_other_units_or_twice_are_the_same(pair):
    (za, wa), (zb, wb) = pair
    plain = compare_latents(za, zb, covariates=(wa, wb), **QUICK)
    copies = [np.hstack([1e6 * w + 3, w, np.ones_like(w)]) for w in (wa, wb)]
    other = compare_latents(za, zb, covariates=copies, **QUICK)
    np.testing.assert_allclose(other.null, plain.null, rtol=1e-6)
    assert other.statistic == pytest.approx(plain.statistic, rel=1e-6)
    assert (plain.test.n_covariates, other.test.n_covariates) == (1, 3)
    assert basis_of(copies[0]).shape == (300, 1)


def test_no_covariates_are_none(pair):
    (za, _), (zb, _) = pair
    empty = np.zeros((300, 0))
    assert compare_latents(za, zb, covariates=(empty, empty), **QUICK).statistic == pytest.approx(
        compare_latents(za, zb, **QUICK).statistic, rel=1e-12
    )


def test_a_covariate_that_drives_a_only_is_no_change_once_it_is_regressed_out(pair):
    (za, wa), (zb, wb) = pair
    without, with_it = compare_latents(za, zb, **QUICK), compare_latents(za, zb, covariates=(wa, wb), **QUICK)
    assert without.p_value <= 0.05
    assert with_it.coupling.p_value > 0.05
    assert with_it.persistence.p_value > 0.05
    assert "1 covariate (lags counted) as exogenous regressors" in with_it.methods_text()
    assert "covariate" not in without.methods_text()


def test_a_link_that_changes_is_found_beside_a_covariate(rng):
    effect = np.array([0.8, -0.6, 0.0, 0.5])
    (za, wa), (zb, wb) = driven(rng, 300, effect), driven(rng, 300, effect, change=0.5)
    found = compare_latents(za, zb, covariates=(wa, wb), **QUICK)
    assert found.coupling.p_value <= 0.05
    assert found.coupling.coefficient == (1, 1, 0)
    assert found.coupling.difference < 0


def test_the_bootstrap_draws_series_that_covariates_drive(pair):
    (za, wa), (zb, _) = pair
    samples = tuple(Sample.of([z], 1, covariates=[w]) for z, w in pair)
    model = WildBootstrap(([za], [zb]), samples, difference(*samples), 1)
    raw = Sample.of([za], 1)
    residual = za[1:] - za[:-1] @ model.coefficients.T - model._drift[0]
    sparse = csr_array(model.coefficients)
    lengths, heads = model.residuals[0].lengths, model.residuals[0].heads
    ones = np.ones(len(residual), np.int8)
    places = sparse.indptr.astype(np.uint32), sparse.indices.astype(np.uint32)
    x, y = recursion(residual, lengths, heads, model._drift[0], ones, *places, sparse.data)
    np.testing.assert_allclose(y, za[1:], atol=1e-9)
    np.testing.assert_allclose(x, za[:-1], atol=1e-9)
    assert raw.count == len(x)
    drawn = model.sample(0, model.random(1, np.random.default_rng(0))[0])
    centred = wa[1:] - wa[1:].mean(0)
    np.testing.assert_allclose(centred.T @ drawn.x, 0, atol=1e-6)
    # The covariate is part of what is drawn: its variance is that of the recording, which a series without lacks.
    assert drawn.x.var() == pytest.approx(samples[0].x.var(), rel=0.3)


def test_lags_end_where_the_recording_was_interrupted():
    stack = nv.Stack(np.zeros((6, 8, 8)), breaks=[3])
    found = with_lags(stack, np.arange(6.0), 2)
    assert found.tolist() == [[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 3, 3], [4, 3, 3], [5, 4, 3]]
    with pytest.raises(ValueError, match="one row for each of the 6 frames"):
        with_lags(stack, np.zeros((5, 2)), 0)
    with pytest.raises(ValueError, match="must be at least 0"):
        with_lags(stack, np.zeros(6), -1)


def test_compare_takes_covariates_of_the_movie(small_fit, small_stack, rng):
    w = rng.normal(size=(320, 2)).cumsum(0)
    settings = {"resamples": 19, "level": 0.2, "power_draws": 0, "halves": False, "correct_noise": False}
    a, b = (45, 130), (150, 240)
    found = nv.compare(small_fit, small_stack, a, b, covariates=w, covariate_lags=1, **settings)
    z, lagged = small_fit.encode(small_stack), np.hstack([w, w[[0, *range(319)]]])
    runs = [(45, 130)], [(150, 240)]
    latents, known = ([[part[s:e] for s, e in side] for side in runs] for part in (z, lagged))
    alone = compare_latents(*latents, 2, covariates=(known[0], known[1]), **settings)
    assert found.statistic == pytest.approx(alone.statistic, rel=1e-9)
    assert found.test.n_covariates == 4
    w[200] = np.nan
    with pytest.raises(ValueError, match="Covariates are missing in frame 200 of Range B"):
        nv.compare(small_fit, small_stack, a, b, covariates=w, **settings)


def test_covariates_that_do_not_fit_are_refused(pair):
    (za, wa), (zb, wb) = pair
    with pytest.raises(ValueError, match="The covariates of zb have shapes"):
        compare_latents(za, zb, covariates=(wa, wb[1:]), **QUICK)


@pytest.mark.parametrize("permuted", ["segments", "blocks"])
def test_permutations_take_covariates_along(permuted, rng):
    sides = []
    for first in (0, 20):
        parts = [driven(rng, 30, np.ones(K)) for _ in range(6 if permuted == "segments" else 3)]
        starts = tuple(first + 40 * i for i in range(len(parts)))
        sides.append(Segments(tuple(z for z, _ in parts), starts, covariates=tuple(w for _, w in parts)))
    test = two_sample_test(*sides, 1, nv.ComparisonConfig(**QUICK))
    assert set(test.p_of_null) == {"VAR", permuted}
    assert np.isfinite(test.null).all()
    before, after = sides[0].halves()
    assert [len(c) for c in before.covariates] == [len(z) for z in before.latents]
    np.testing.assert_array_equal(
        np.concatenate(before.covariates + after.covariates), np.concatenate(sides[0].covariates)
    )


@pytest.mark.long
def test_size_where_covariates_act_unlike_in_a_and_b():
    small, raw, sets = {"coupling": 0, "persistence": 0}, 0, 80
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        (za, wa), (zb, wb) = driven(rng, 150, np.full(K, 0.7)), driven(rng, 150, np.array([-0.7, 0, 0.7, 0]))
        found = compare_latents(za, zb, covariates=(wa, wb), **QUICK)
        for name in small:
            small[name] += getattr(found, name).p_value <= 0.05
        raw += compare_latents(za, zb, **QUICK).p_value <= 0.05
    # A test of size 5 % stays within these bounds in all but 1 of 1000 runs on each side.
    assert max(small.values()) <= binom.ppf(0.999, sets, 0.05), small
    assert raw > sets / 2
