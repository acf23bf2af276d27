"""The choice of the penalty against brute force on the data themselves."""

import numpy as np
import pytest
import torch

from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.lasso.path import lasso_path
from napari_varae.core.var.selection import (
    candidates,
    cross_validation,
    information_criterion,
    one_standard_error,
    residual_variance,
)


def regression(n=120, p=15, k=4, seed=0, size=0.6):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    y = x @ (size * (rng.random((p, k)) < 0.25)) + rng.standard_normal((n, k))
    return x, y, x.T @ x / n, y.T @ x / n, (y**2).mean(0)


def test_residual_variance_agrees_with_the_residuals():
    x, y, gram, cross, variance = regression()
    for penalty in (0.0, 0.05, 0.2, 5.0):
        beta = lasso(gram, cross, penalty)
        expected = ((y - x @ beta.T) ** 2).mean(0)
        np.testing.assert_allclose(residual_variance(beta, cross, variance, penalty), expected, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_information_criterion_is_the_smallest_on_a_fine_grid(gamma, seed):
    x, y, gram, cross, variance = regression(size=0.2, seed=seed)
    path = lasso_path(gram, cross)

    def criterion(penalty):
        beta = path.at(penalty)
        rss = ((y - x @ beta.T) ** 2).sum(0)
        price = np.log(len(x)) + 2 * gamma * np.log(x.shape[1])
        return (len(x) * np.log(rss / len(x))).sum() + price * np.count_nonzero(beta)

    chosen = information_criterion(gram, cross, variance, len(x), gamma)
    grid = np.geomspace(1e-3, path.max_penalty.max(), 2000)
    assert criterion(chosen) <= min(criterion(penalty) for penalty in grid) + 1e-6


def test_ebic_is_at_least_as_sparse_as_bic():
    for seed in range(5):
        _, _, gram, cross, variance = regression(seed=seed)
        bic, ebic = (information_criterion(gram, cross, variance, 120, gamma) for gamma in (0.0, 0.5))
        assert ebic >= bic


def test_information_criterion_does_not_fall_for_a_saturated_model():
    """With more predictors than observations the residual vanishes, and with it a naive criterion."""
    x, _, gram, cross, variance = regression(n=20, p=40)
    path = lasso_path(gram, cross)
    chosen = information_criterion(gram, cross, variance, len(x))
    assert (path.degrees_of_freedom(chosen) <= 10).all()


def test_candidates_are_the_knots_thinned_evenly():
    _, _, gram, cross, _ = regression()
    path = lasso_path(gram, cross, 0.01)
    every, some = candidates(path, most=10_000), candidates(path, most=10)
    np.testing.assert_array_equal(every, np.unique(path.knots[path.knots >= 0.01])[::-1])
    assert len(some) == 10
    assert {every[0], every[-1]} <= set(some) <= set(every)


def test_one_standard_error_takes_the_sparsest_of_the_good_ones():
    penalties = np.array([0.8, 0.4, 0.2, 0.1])
    errors = np.array([[5.0, 3.1, 3.0, 3.3], [5.0, 3.4, 3.2, 3.6], [5.0, 3.3, 3.4, 3.9]])
    assert one_standard_error(penalties, errors) == 0.4
    assert one_standard_error(penalties, errors[:1].repeat(3, 0)) == 0.2


def autoregression(n=600, k=5, decay=0.7, seed=0):
    rng = np.random.default_rng(seed)
    z = np.zeros((n, k))
    for t in range(1, n):
        z[t] = decay * z[t - 1] + rng.standard_normal(k)
    return torch.tensor(z)


def test_cross_validation_keeps_what_predicts_and_drops_noise():
    z = autoregression()
    frames = torch.arange(1, len(z))
    assert 0.03 < cross_validation(z, frames, 1, 0.7) < 0.6
    assert cross_validation(autoregression(decay=0.0), frames, 1, 0.2) == pytest.approx(0.2)


def test_cross_validation_estimates_each_fold_on_its_past_alone(monkeypatch):
    z = autoregression(n=61)
    frames, factors = torch.arange(1, 61), 1 - np.eye(5)
    seen = []

    def spy(gram, cross, min_penalty, weights):
        seen.append(gram)
        assert weights is factors
        return lasso_path(gram, cross, min_penalty, weights)

    monkeypatch.setattr("napari_varae.core.var.selection.lasso_path", spy)
    cross_validation(z, frames, 1, 0.7, factors)
    for fold, gram in enumerate(seen, 1):
        past = z[: 10 * fold + 1]
        past = (past - past.mean(0)) / past.std(0, correction=0)
        torch.testing.assert_close(gram, past[:-1].mT @ past[:-1] / (10 * fold))


def test_cross_validation_needs_enough_pairs():
    with pytest.raises(ValueError, match="7 lag pairs are too few"):
        cross_validation(autoregression(n=8), torch.arange(1, 8), 1, 0.7)
