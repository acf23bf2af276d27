"""The VAR against statsmodels, against brute force over frames, and against its own dynamics."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov
from sklearn.linear_model import Lasso
from statsmodels.tsa.api import VAR as Reference

from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.var.estimate import estimate_var
from napari_varae.core.var.lags import lag_moments, lag_pairs, standardise
from napari_varae.core.var.model import VAR
from napari_varae.core.var.selection import MOST


def recording(n=500, k=4, order=2, seed=0):
    """Latents of a sparse, stable VAR in units of their own."""
    rng = np.random.default_rng(seed)
    a = np.stack([np.eye(k) * 0.5 / lag for lag in range(1, order + 1)])
    a[0, 1, 0], a[-1, -2, -1] = 0.3, -0.2
    z = np.zeros((n, k))
    for t in range(order, n):
        z[t] = sum(a[lag - 1] @ z[t - lag] for lag in range(1, order + 1)) + rng.standard_normal(k)
    return z * np.linspace(0.5, 20, k) + np.linspace(-3, 100, k)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_without_penalty_it_is_the_var_of_statsmodels(order):
    latents = recording()
    var = estimate_var(latents, order, 0.0)
    reference = Reference((latents - latents.mean(0)) / latents.std(0)).fit(order, trend="n")
    np.testing.assert_allclose(var.coefficients, reference.coefs, atol=1e-10)
    np.testing.assert_allclose(var.spectral_radius, 1 / np.abs(reference.roots).min(), rtol=1e-8)
    residual = var.standardise(latents) - var.standardise(var.predict(latents))
    np.testing.assert_allclose(var.innovation_covariance, np.cov(residual[order:].T, bias=True), atol=1e-3)
    np.testing.assert_allclose(
        var.innovation_covariance, residual[order:].T @ residual[order:] / (len(latents) - order), atol=1e-10
    )


@pytest.mark.parametrize("rule", ["bic", "ebic", "cv"])
def test_rules_find_the_edges_of_a_long_recording(rule):
    var = estimate_var(recording(n=3000), 2, rule)
    assert abs(var.coefficients[0, 1, 0]) > 0.1
    assert abs(var.coefficients[1, 2, 3]) > 0.05
    assert 0 < var.penalty < 0.3
    assert np.count_nonzero(var.coefficients) < 26
    np.testing.assert_array_equal(var.coefficients, estimate_var(recording(n=3000), 2, var.penalty).coefficients)


def test_ebic_asks_more_of_an_edge_than_bic():
    latents = recording(n=150, k=12, order=1)
    assert estimate_var(latents, 1, "ebic").penalty > estimate_var(latents, 1, "bic").penalty


def test_a_rule_is_deterministic_and_takes_tensors():
    latents = recording(n=200)
    first, second = estimate_var(latents), estimate_var(torch.tensor(latents, requires_grad=True))
    assert first.penalty == second.penalty
    np.testing.assert_array_equal(first.coefficients, second.coefficients)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 4))
def test_lag_pairs_lie_inside_runs_of_good_frames(good, order):
    expected = [t for t in range(order, len(good)) if all(good[t - order : t + 1])]
    assert lag_pairs(len(good), order, torch.tensor(good)).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_moments_are_sums_over_lag_pairs(order, seed):
    rng = np.random.default_rng(seed)
    z, good = rng.standard_normal((25, 3)), rng.random(25) < 0.9
    good[:5] = True
    z[~good] = np.nan
    pairs = [t for t in range(order, 25) if good[t - order : t + 1].all()]
    x = np.array([np.concatenate([z[t - lag] for lag in range(1, order + 1)]) for t in pairs])
    y = z[pairs]
    moments = lag_moments(torch.tensor(z), order, torch.tensor(good))
    assert moments.count == len(pairs)
    np.testing.assert_allclose(moments.gram, x.T @ x / len(pairs), atol=1e-12)
    np.testing.assert_allclose(moments.cross, y.T @ x / len(pairs), atol=1e-12)
    np.testing.assert_allclose(moments.covariance, y.T @ y / len(pairs), atol=1e-12)
    np.testing.assert_allclose(moments.variance, (y**2).mean(0), atol=1e-12)


def test_bad_frames_enter_nothing():
    latents, good = recording(n=300), np.ones(300, dtype=bool)
    good[[50, 120, 121]] = False
    spoiled = latents.copy()
    spoiled[~good] = np.nan
    for rule in ("bic", "cv"):
        var = estimate_var(spoiled, 2, rule, good)
        latents[~good] = 1e6
        np.testing.assert_array_equal(var.coefficients, estimate_var(latents, 2, rule, good).coefficients)
    assert var.n_pairs == 298 - 3 - 4


def test_standardised_latents_have_mean_zero_and_deviation_one_over_good_frames():
    latents, good = torch.tensor(recording(n=100)), torch.arange(100) % 7 > 0
    z, mean, scale = standardise(latents, good)
    torch.testing.assert_close(z[good].mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(z[good].std(0, correction=0), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(z * scale + mean, latents)


@pytest.mark.parametrize("level", [0.0, 5.0, 1e7])
def test_dead_latents_stay_dead(level):
    latents = recording(n=100)
    latents[:, 2] = level
    var = estimate_var(latents.astype(np.float32), 1, "bic")
    assert np.isfinite(var.coefficients).all()
    assert not var.coefficients[:, 2].any()
    assert not var.coefficients[:, :, 2].any()
    assert estimate_var(np.full((50, 3), level), 1, "bic").penalty == 0


def test_gradient_through_standardisation_moments_and_estimate():
    latents = torch.tensor(recording(n=25, k=3), requires_grad=True)
    good = torch.arange(25) != 11

    def estimate(latents):
        moments = lag_moments(standardise(latents, good)[0], 2, good)
        return lasso(moments.gram, moments.cross, 0.1)

    assert torch.autograd.gradcheck(estimate, latents, atol=1e-6)


def test_gradient_of_a_dead_latent_is_finite():
    latents = torch.tensor(recording(n=25, k=3))
    latents[:, 1] = 0
    latents.requires_grad_()
    moments = lag_moments(standardise(latents)[0], 1)
    lasso(moments.gram, moments.cross, 0.1).square().sum().backward()
    assert latents.grad.isfinite().all()


def test_another_penalty_is_the_estimate_with_that_penalty():
    latents = recording(n=150)
    var = estimate_var(latents, 2, 0.1)
    for penalty in (0.0, 0.004, 0.05, 0.3, 1.0):
        other, direct = var.at(penalty), estimate_var(latents, 2, penalty)
        np.testing.assert_allclose(other.coefficients, direct.coefficients, atol=1e-9)
        np.testing.assert_allclose(other.innovation_covariance, direct.innovation_covariance, atol=1e-8)
        assert other.penalty == penalty
        assert other.path is var.path
    with pytest.raises(ValueError, match="negative"):
        var.at(-0.1)


def test_the_path_of_many_latents_does_not_hold_all_of_their_links():
    rng = np.random.default_rng(0)
    var = estimate_var(rng.standard_normal((600, 150)), 1, 0.3, weights="links")
    floor = var.path.min_penalty.max()
    links = np.count_nonzero(var.path.at(floor), axis=1) - 1
    assert 20 < links.mean() <= links.max() <= MOST
    np.testing.assert_allclose(var.at(floor / 2).coefficients, var.at(floor / 2.0001).coefficients, atol=1e-3)
    assert np.count_nonzero(var.at(floor / 2).coefficients) > 150 * (1 + MOST)  # beyond it, an estimate of its own


def lagged(latents, order):
    """Predictors (n, p K) and targets (n, K) of standardised latents."""
    z = (latents - latents.mean(0)) / latents.std(0)
    return np.hstack([z[order - lag : len(z) - lag] for lag in range(1, order + 1)]), z[order:]


def test_weights_make_the_adaptive_lasso():
    """Scikit-learn knows no weights; predictors in other units do the same."""
    latents, rng = recording(n=300), np.random.default_rng(4)
    weights = rng.uniform(0.3, 3, (2, 4, 4))
    var = estimate_var(latents, 2, 0.05, weights=weights)
    x, y = lagged(latents, 2)
    for target in range(4):
        factor = weights[:, target].ravel()
        theirs = Lasso(alpha=0.05, fit_intercept=False, tol=1e-13, max_iter=100_000).fit(x / factor, y[:, target])
        np.testing.assert_allclose(var.coefficients[:, target].ravel(), theirs.coef_ / factor, atol=1e-9)
    assert 4 < np.count_nonzero(var.coefficients) < 28


def test_own_past_without_a_penalty_is_projected_out():
    """Frisch, Waugh, Lovell: the others see what own past leaves."""
    latents = recording(n=300)
    var = estimate_var(latents, 2, 0.1, weights=1 - np.eye(4))
    x, y = lagged(latents, 2)
    for target in range(4):
        own = np.arange(8) % 4 == target
        leave = np.eye(len(x)) - x[:, own] @ np.linalg.pinv(x[:, own])
        others = Lasso(alpha=0.1, fit_intercept=False, tol=1e-13, max_iter=100_000)
        others.fit(leave @ x[:, ~own], leave @ y[:, target])
        rest = y[:, target] - x[:, ~own] @ others.coef_
        beta = var.coefficients[:, target].ravel()
        np.testing.assert_allclose(beta[~own], others.coef_, atol=1e-9)
        np.testing.assert_allclose(beta[own], np.linalg.pinv(x[:, own]) @ rest, atol=1e-9)


@pytest.mark.parametrize("weights", [1 - np.eye(4), np.linspace(0.02, 5, 32).reshape(2, 4, 4)])
def test_another_penalty_keeps_the_weights(weights):
    var = estimate_var(recording(n=150), 2, 0.1, weights=weights)
    for penalty in (0.0, 0.004, 0.05, 0.3, 1.0):
        direct = estimate_var(recording(n=150), 2, penalty, weights=weights)
        np.testing.assert_allclose(var.at(penalty).coefficients, direct.coefficients, atol=1e-9)
        np.testing.assert_array_equal(var.at(penalty).weights, np.broadcast_to(weights, (2, 4, 4)))


@pytest.mark.parametrize(("rule", "gamma"), [("bic", 0.0), ("ebic", 0.5)])
def test_a_rule_counts_what_is_not_penalised(rule, gamma):
    latents, weights = recording(n=120, k=6), 1 - np.eye(6)
    x, y = lagged(latents, 2)

    def criterion(penalty):
        beta = estimate_var(latents, 2, penalty, weights=weights).coefficients
        rss = ((y - x @ np.concatenate(list(beta), 1).T) ** 2).sum(0)
        return (118 * np.log(rss / 118)).sum() + (np.log(118) + 2 * gamma * np.log(12)) * np.count_nonzero(beta)

    chosen = estimate_var(latents, 2, rule, weights=weights)
    assert np.count_nonzero(chosen.coefficients[:, range(6), range(6)]) == 12
    assert criterion(chosen.penalty) <= min(map(criterion, np.geomspace(0.01, 0.5, 60))) + 1e-6


def test_cross_validation_knows_the_weights():
    """Weights twice as large are a penalty half as large."""
    latents = recording(n=200)
    once, twice = (estimate_var(latents, 2, "cv", weights=factor * (1 - np.eye(4))) for factor in (1, 2))
    assert once.penalty == pytest.approx(2 * twice.penalty)
    np.testing.assert_allclose(once.coefficients, twice.coefficients, atol=1e-9)


def test_prediction_uses_the_frames_before():
    latents = recording(n=60)
    var = estimate_var(latents, 2, 0.05)
    good = np.ones(60, dtype=bool)
    good[30] = False
    predicted = var.predict(latents, good)
    assert np.flatnonzero(np.isnan(predicted).any(1)).tolist() == [0, 1, 31, 32]
    z = (latents - var.mean) / var.scale
    expected = var.coefficients[0] @ z[9] + var.coefficients[1] @ z[8]
    np.testing.assert_allclose(predicted[10], expected * var.scale + var.mean)
    np.testing.assert_allclose(var.unstandardise(var.standardise(latents)), latents)
    assert np.isnan(var.predict(latents[:2])).all()
    with pytest.raises(ValueError, match=r"needs \(T, 4\)"):
        var.predict(latents[:, :3])


def test_intercept_and_coefficients_in_the_units_of_the_latents_predict():
    latents = recording(n=60)
    var = estimate_var(latents, 2, 0.05)
    a = var.scale[:, None] * var.coefficients / var.scale
    expected = var.intercept + latents[9] @ a[0].T + latents[8] @ a[1].T
    np.testing.assert_allclose(var.predict(latents)[10], expected)


def test_companion_moves_the_state_one_step():
    var = estimate_var(recording(n=200), 2, 0.02)
    z = var.standardise(recording(n=20))
    state = np.concatenate([z[7], z[6]])
    expected = np.concatenate([var.standardise(var.predict(recording(n=20)))[8], z[7]])
    np.testing.assert_allclose(var.companion() @ state, expected)


def test_simulation_has_the_covariance_of_the_stationary_process():
    var = estimate_var(recording(n=400, order=1), 1, 0.05)
    expected = solve_discrete_lyapunov(var.coefficients[0], var.innovation_covariance)
    z = var.standardise(var.simulate(40_000, seed=3))
    np.testing.assert_allclose(np.cov(z.T), expected, atol=0.08)
    np.testing.assert_array_equal(var.simulate(10, seed=3), var.simulate(10, seed=3))
    assert not np.array_equal(var.simulate(10, seed=3), var.simulate(10, seed=4))


def test_an_unstable_var_says_so_and_is_not_simulated():
    stable = estimate_var(recording(), 1, 0.05)
    assert stable.warnings == ()
    unstable = dataclasses.replace(stable, coefficients=np.eye(4)[None] * 1.01)
    assert unstable.spectral_radius == pytest.approx(1.01)
    assert "spectral radius 1.010" in unstable.warnings[0]
    with pytest.raises(ValueError, match="unstable"):
        unstable.simulate(10)


def test_few_frames_give_a_warning():
    assert "overfit" in estimate_var(recording(n=16), 2, 0.1).warnings[0]


def test_a_var_without_coefficients_predicts_the_mean():
    var = estimate_var(recording(n=100), 1, 2.0)
    assert isinstance(var, VAR)
    assert var.spectral_radius == 0
    np.testing.assert_allclose(var.predict(recording(n=5))[1:], np.broadcast_to(var.mean, (4, 4)))
    assert np.isfinite(var.simulate(5)).all()


@pytest.mark.parametrize(
    ("latents", "arguments", "message"),
    [
        (np.zeros(10), {}, r"must be \(T, K\)"),
        (np.zeros((10, 0)), {}, r"must be \(T, K\)"),
        (np.zeros((10, 2)), {"order": 0}, "at least 1"),
        (np.full((10, 2), np.nan), {}, "NaN or infinite"),
        (np.zeros((2, 2)), {}, "at least two lag pairs"),
        (np.zeros((10, 2)), {"good": np.arange(10) % 2 == 0}, "5 good frames are too few"),
        (np.zeros((10, 2)), {"good": np.ones(9, dtype=bool)}, "one per frame"),
        (np.zeros((10, 2)), {"penalty": "aic"}, "none of 'bic', 'ebic', 'cv'"),
        (np.zeros((10, 2)), {"penalty": -1.0}, "negative"),
        (np.zeros((10, 2)), {"penalty": np.nan}, "NaN"),
        (np.zeros((10, 2)), {"weights": np.ones(3)}, r"weights has shape \(3,\); it must fit \(1, 2, 2\)"),
        (np.zeros((10, 2)), {"weights": -1.0}, "weights reach down to -1"),
    ],
)
def test_unusable_latents_are_refused(latents, arguments, message):
    with pytest.raises(ValueError, match=message):
        estimate_var(latents, **arguments)


def test_moments_of_no_pair_are_refused():
    with pytest.raises(ValueError, match="No run of more than 3 good frames"):
        lag_moments(torch.zeros(3, 2), 3)


def test_link_weights_are_what_own_past_leaves():
    """By least squares of each latent on its own past."""
    z = recording(n=400, k=4) * (1, 3, 0.2, 7)
    var = estimate_var(z, 2, 0.1, weights="links")
    standardised = var.standardise(z)
    for target in range(4):
        past = np.stack([standardised[1:-1, target], standardised[:-2, target]], 1)
        left = standardised[2:, target] - past @ np.linalg.lstsq(past, standardised[2:, target])[0]
        expected = np.sqrt(np.mean(left**2)) * (np.arange(4) != target)
        np.testing.assert_allclose(var.weights[:, target], np.tile(expected, (2, 1)), rtol=1e-6)


def test_without_links_each_latent_follows_its_own_past():
    z = recording(n=400, k=4)
    var = estimate_var(z, 2, 5.0, weights="links")
    assert not var.coefficients[:, ~np.eye(4, dtype=bool)].any()
    standardised = var.standardise(z)
    past = np.stack([standardised[1:-1, 2], standardised[:-2, 2]], 1)
    own = np.linalg.lstsq(past, standardised[2:, 2])[0]
    np.testing.assert_allclose(var.coefficients[:, 2, 2], own, rtol=1e-9)


def test_the_penalty_on_links_does_not_depend_on_how_well_a_latent_follows_its_past(rng):
    """A slow latent and a quick one, both driven by the same third one as strongly as by chance: both links or none."""
    z = rng.normal(size=(4000, 3))
    for t in range(1, 4000):
        z[t, 0] += 0.95 * z[t - 1, 0] + 0.2 * z[t - 1, 2]
        z[t, 1] += 0.2 * z[t - 1, 2]
    var = estimate_var(z, 1, 0.1, weights="links")
    entry = var.path.max_penalty[:2]
    np.testing.assert_allclose(entry, 0.2, atol=0.04)


def test_other_words_for_weights_are_refused():
    with pytest.raises(ValueError, match="neither 'links'"):
        estimate_var(np.random.default_rng(0).normal(size=(50, 2)), weights="own")


@pytest.mark.parametrize("exponent", [-900, 0, 660])
def test_the_unit_of_latents_does_not_matter_even_where_squares_overflow(rng, exponent):
    z = rng.normal(size=(200, 3)).cumsum(0)
    plain, scaled = estimate_var(z), estimate_var(np.ldexp(z, exponent))
    np.testing.assert_array_equal(scaled.coefficients, plain.coefficients)
    np.testing.assert_array_equal(scaled.scale, np.ldexp(plain.scale, exponent))
    assert plain.coefficients.any()


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.sets(st.integers(1, 39)), st.integers(1, 4))
def test_lag_pairs_do_not_cross_a_break(good, breaks, order):
    numbers = np.array([1 + sum(b <= t for b in breaks) for t in range(len(good))])
    runs = np.where(good, numbers, -numbers)
    expected = [
        t for t in range(order, len(good))
        if all(good[t - order : t + 1]) and not any(t - order < b <= t for b in breaks)
    ]  # fmt: skip
    assert lag_pairs(len(good), order, torch.from_numpy(runs)).tolist() == expected


def test_two_runs_are_estimated_as_two_recordings(rng):
    """The second run begins elsewhere: a pair across the break would count the jump."""
    one, other = rng.standard_normal((60, 3)), 50 + rng.standard_normal((40, 3))
    z, runs = np.concatenate([one, other]), np.repeat([1, 2], [60, 40])
    var = estimate_var(z, 1, 0.01, runs)
    assert var.n_pairs == 59 + 39
    scaled = (z - var.mean) / var.scale
    x, y = (np.concatenate([part[a:b] for part in (scaled[:60], scaled[60:])]) for a, b in ((0, -1), (1, None)))
    np.testing.assert_allclose(var.gram, x.T @ x / 98)
    np.testing.assert_allclose(var.cross, y.T @ x / 98)
    assert np.flatnonzero(np.isnan(var.predict(z, runs)).any(1)).tolist() == [0, 60]
    assert np.flatnonzero(np.isnan(estimate_var(z, 2, 0.01, runs).predict(z, runs)).any(1)).tolist() == [0, 1, 60, 61]
