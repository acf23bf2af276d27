"""The path against optimality conditions, closed forms and scikit-learn; the gradient against differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import Lasso, lars_path_gram

from napari_varae.core.lasso.estimate import entry_penalty, lasso
from napari_varae.core.lasso.path import lasso_path
from napari_varae.errors import PathError

SHARES = (0.0, 1e-3, 0.02, 0.1, 0.35, 0.8, 1.0, 1.5)
"""Penalties to look at, relative to the largest useful one."""


def moments(x, y):
    """Gram matrix and cross-moments of x (n, P) and y (n, K)."""
    return x.T @ x / len(x), y.T @ x / len(x)


def regression(n=40, p=12, k=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) @ (np.eye(p) + 0.4 * rng.standard_normal((p, p)))
    return x, x @ (rng.standard_normal((p, k)) * (rng.random((p, k)) < 0.4)) + rng.standard_normal((n, k))


def kkt(gram, cross, beta, penalty, weights=1.0):
    """Largest violation of the optimality conditions of the lasso."""
    correlation = cross - beta @ gram
    reach = np.broadcast_to(np.asarray(penalty)[..., None] * weights, beta.shape)
    inactive = np.abs(beta) <= 1e-13 * np.abs(beta).max()
    return np.where(inactive, np.abs(correlation) - reach, np.abs(correlation - reach * np.sign(beta))).max()


def size(x, y):
    """Largest correlation that data of this size could have."""
    return np.sqrt((x**2).mean(0).max() * (y**2).mean(0).max())


def all_penalties(cross, weights=1.0):
    top = np.abs(cross).max() / np.min(weights)
    return [share * (top if top > 0 else 1.0) for share in SHARES]


@pytest.mark.parametrize(("n", "p"), [(40, 12), (200, 12), (12, 30)])
def test_path_agrees_with_lars_of_scikit_learn(n, p):
    x, y = regression(n, p)
    gram, cross = moments(x, y)
    path = lasso_path(gram, cross, 1e-3)
    for target in range(y.shape[1]):
        knots, _, coefficients = lars_path_gram(
            n * cross[target], n * gram, n_samples=n, method="lasso", alpha_min=1e-3
        )
        for penalty in np.concatenate([knots, (knots[1:] + knots[:-1]) / 2]).clip(min=1e-3):
            theirs = [np.interp(penalty, knots[::-1], row[::-1]) for row in coefficients]
            np.testing.assert_allclose(path.at(penalty)[target], theirs, atol=1e-9)


def test_lasso_agrees_with_coordinate_descent_of_scikit_learn():
    x, y = regression()
    gram, cross = moments(x, y)
    ours = lasso(gram, cross, 0.15)
    theirs = Lasso(alpha=0.15, fit_intercept=False, tol=1e-13, max_iter=100_000).fit(x, y).coef_
    assert 0 < np.count_nonzero(ours) < ours.size
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


@pytest.mark.long
@settings(max_examples=120, deadline=None)
@given(st.integers(2, 30), st.integers(1, 14), st.floats(0, 0.95), st.integers(0, 2**32 - 1))
def test_optimality_conditions_hold_at_random_penalties_of_thousands_of_problems(n, p, common, seed):
    """32 problems of 2 targets each; `common` is what all predictors share."""
    rng = np.random.default_rng(seed)
    x = (1 - common) * rng.standard_normal((32, n, p)) + common * rng.standard_normal((32, n, 1))
    y = rng.standard_normal((32, n, 2))
    gram, cross = x.mT @ x / n, y.mT @ x / n
    path = lasso_path(gram, cross)
    for share in (1.0, *10 ** rng.uniform(-4, 0, 3)):
        penalty = share * rng.uniform(0.5, 1, (32, 2)) * path.max_penalty
        for beta in (path.at(penalty), lasso(gram, cross, penalty)):
            assert kkt(gram, cross, beta, penalty) < 1e-9


small = st.integers(1, 9)


@st.composite
def awkward(draw):
    """Whole numbers make ties, duplicates, constants and collinear predictors likely, and there may be P > n."""
    n, p, k = draw(small), draw(small), draw(st.integers(1, 4))
    bits = st.integers(-2, 2).map(float)
    x, y = draw(arrays(np.float64, (n, p), elements=bits)), draw(arrays(np.float64, (n, k), elements=bits))
    if draw(st.booleans()):
        x[:, draw(st.integers(0, p - 1))] = draw(st.sampled_from([-1.0, 1.0, 0.0, 1e-3, 1e3])) * x[:, 0]
    scale = draw(st.sampled_from([1e-5, 1.0, 1e5]))
    return scale * x, scale * y


@settings(max_examples=150, deadline=None)
@given(awkward())
def test_optimality_conditions_hold_on_awkward_data(data):
    gram, cross = moments(*data)
    path = lasso_path(gram, cross)
    for penalty in all_penalties(cross):
        for beta in (path.at(penalty), lasso(gram, cross, penalty)):
            assert np.isfinite(beta).all()
            assert kkt(gram, cross, beta, np.full(len(cross), penalty)) <= 1e-9 * size(*data)
    assert (np.diff(path.knots) <= 0).all()


@settings(max_examples=60, deadline=None)
@given(awkward(), st.integers(0, 2**32 - 1))
def test_optimality_conditions_hold_with_weights(data, seed):
    gram, cross = moments(*data)
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 3, cross.shape) * (rng.random(cross.shape) < 0.8)
    path = lasso_path(gram, cross, weights=weights)
    for penalty in all_penalties(cross):
        for beta in (path.at(penalty), lasso(gram, cross, penalty, weights)):
            assert np.isfinite(beta).all()
            assert kkt(gram, cross, beta, np.full(len(cross), penalty), weights) <= 1e-8 * size(*data)


def worst(x, y):
    """Largest violation of the optimality conditions along the path and at single penalties, relative to the data.

    The first number is for penalties that are worth the name, the second one for no penalty at all.
    """
    gram, cross = moments(x, y)
    path = lasso_path(gram, cross)
    found = []
    for penalty in all_penalties(cross):
        both = path.at(penalty), lasso(gram, cross, penalty)
        found.append(max(kkt(gram, cross, beta, np.full(len(cross), penalty)) for beta in both) / size(x, y))
    return max(found[1:]), found[0]


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-8, 1e-10])
def test_near_duplicates_do_no_harm(distance):
    rng = np.random.default_rng(0)
    for _ in range(40):
        n, p = rng.integers(8, 20), rng.integers(2, 8)
        x, y = rng.standard_normal((n, p)), rng.standard_normal((n, 3))
        x[:, -1] = x[:, 0] + distance * rng.standard_normal(n)
        penalised, unpenalised = worst(x, y)
        assert penalised < 1e-10
        assert unpenalised < (1e-10 if distance > 3e-5 else 3e-6)


def test_near_duplicates_do_no_harm_with_more_predictors_than_observations():
    rng = np.random.default_rng(0)
    for _ in range(150):
        n, p = rng.integers(2, 6), rng.integers(5, 9)
        x, y = rng.standard_normal((n, p)), rng.standard_normal((n, 3))
        x[:, -1] = x[:, 0] + 10.0 ** -rng.uniform(3, 9) * rng.standard_normal(n)
        penalised, unpenalised = worst(x, y)
        assert penalised < 1e-10
        assert unpenalised < 3e-6


def test_a_predictor_kept_out_as_collinear_comes_in_when_another_leaves():
    rng = np.random.default_rng(0)
    for _ in range(60):
        x, y = rng.standard_normal((12, 5)) @ rng.standard_normal((5, 5)), rng.standard_normal((12, 3))
        x[:, 4] = (x[:, 0] + x[:, 1]) / 2 + 1e-6 * rng.standard_normal(12)
        penalised, unpenalised = worst(x, y)
        assert penalised < 1e-10
        assert unpenalised < 3e-6


def test_many_near_combinations_neither_stall_the_path_nor_lead_it_astray():
    rng = np.random.default_rng(0)
    for _ in range(120):
        n, p = rng.integers(2, 25), rng.integers(3, 14)
        x, y = rng.standard_normal((n, p)), rng.standard_normal((n, 2))
        for _ in range(rng.integers(1, 4)):
            *of, which = rng.permutation(p)[: rng.integers(2, 4)]
            x[:, which] = x[:, of] @ rng.choice([-1, -0.5, 0.5, 1, 2], len(of)) + 10.0 ** -rng.uniform(
                2, 13
            ) * rng.standard_normal(n)
        penalised, unpenalised = worst(x, y)
        assert penalised < 1e-9
        assert unpenalised < 1e-5


def test_duplicates_cost_no_steps():
    x, y = regression()
    knots = lasso_path(*moments(x, y)).knots
    doubled = lasso_path(*moments(np.hstack([x, x]), y), max_steps=knots.shape[1] + 5)
    np.testing.assert_allclose(doubled.knots, knots, atol=1e-10)


@pytest.mark.parametrize("n", [30, 200])
def test_whole_path_of_a_wide_problem_ends_in_interpolation_or_least_squares(n):
    x, y = regression(n, 80, 4)
    gram, cross = moments(x, y)
    beta = lasso_path(gram, cross).at(0)
    expected = y if n < 80 else x @ np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(x @ beta.T, expected, atol=1e-8)


def test_orthonormal_design_gives_soft_thresholding():
    cross = np.array([[0.9, -0.5, 0.5, 0.2, -0.2, 0.0], [0.1, 0.1, -0.1, 0.1, 0.1, 0.1]])
    for penalty in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9):
        soft = np.sign(cross) * np.maximum(np.abs(cross) - penalty, 0)
        np.testing.assert_allclose(lasso(np.eye(6), cross, penalty), soft, atol=1e-12)
        np.testing.assert_allclose(lasso_path(np.eye(6), cross).at(penalty), soft, atol=1e-11)


def test_one_target_and_one_predictor():
    np.testing.assert_allclose(lasso([[2.0]], [[-1.0]], 0.4), [[-0.3]])
    np.testing.assert_array_equal(lasso([[2.0]], [[-1.0]], 1.0), [[0.0]])
    np.testing.assert_array_equal(lasso([[0.0]], [[0.0]], 0.0), [[0.0]])


def test_path_is_linear_between_knots_and_counts_its_coefficients():
    x, y = regression()
    path = lasso_path(*moments(x, y))
    knots, at_knots = path.knots, path.coefficients_at_knots
    np.testing.assert_allclose(path.max_penalty, np.abs(moments(x, y)[1]).max(1))
    for i in range(knots.shape[1] - 1):
        np.testing.assert_allclose(path.at(knots[:, i]), at_knots[:, i], atol=1e-12)
        middle = (knots[:, i] + knots[:, i + 1]) / 2
        np.testing.assert_allclose(path.at(middle), (at_knots[:, i] + at_knots[:, i + 1]) / 2, atol=1e-12)
        np.testing.assert_array_equal(
            path.degrees_of_freedom(middle), np.count_nonzero(lasso(*moments(x, y), middle), 1)
        )
        np.testing.assert_array_equal(path.active(middle).sum(1), path.degrees_of_freedom(middle))
        np.testing.assert_array_equal(path.signs(middle), np.sign(path.at(middle)))
        below = np.where((knots[:, i] > knots[:, i + 1])[:, None], path.signs_below_knots[:, i], path.signs(middle))
        np.testing.assert_array_equal(below, path.signs(middle))


def test_signs_below_knots_tell_who_enters_and_who_leaves():
    """Three predictors, the third between the first two: it enters first, leaves, and returns with the other sign."""
    gram = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
    cross = gram @ np.array([1.0, 0.9, -0.2])
    path = lasso_path(gram, cross[None])
    assert path.signs_below_knots.tolist() == [[[0, 0, 1], [1, 0, 1], [1, 1, 1], [1, 1, 0], [1, 1, -1], [1, 1, -1]]]


def test_weights_are_a_change_of_units():
    x, y = regression()
    weights = np.random.default_rng(1).uniform(0.3, 3, 12)
    np.testing.assert_allclose(
        lasso(*moments(x, y), 0.1, weights), lasso(*moments(x / weights, y), 0.1) / weights, atol=1e-10
    )


def test_unpenalised_predictors_are_projected_out():
    """Frisch, Waugh, Lovell: the others see what the unpenalised ones leave, these fit what the others leave."""
    x, y = regression()
    free, rest = x[:, :3], x[:, 3:]
    weights = np.array([0.0] * 3 + [1.0] * 9)
    leave = np.eye(len(x)) - free @ np.linalg.pinv(free)
    expected = lasso(rest.T @ leave @ rest / 40, y.T @ leave @ rest / 40, 0.1)
    for beta in (lasso(*moments(x, y), 0.1, weights), lasso_path(*moments(x, y), weights=weights).at(0.1)):
        np.testing.assert_allclose(beta[:, 3:], expected, atol=1e-10)
        np.testing.assert_allclose(beta[:, :3].T, np.linalg.pinv(free) @ (y - rest @ expected.T), atol=1e-10)


def test_targets_and_batches_do_not_touch_each_other():
    problems = [moments(*regression(30, 7, 4, seed)) for seed in range(3)]
    gram, cross = (np.stack(part) for part in zip(*problems, strict=True))
    penalty = np.random.default_rng(0).uniform(0.02, 0.6, (3, 4))
    together, path = lasso(gram, cross, penalty), lasso_path(gram, cross, 0.01)
    for batch in range(3):
        for target in range(4):
            alone = lasso(gram[batch], cross[batch, target : target + 1], penalty[batch, target])
            np.testing.assert_allclose(together[batch, target], alone[0], atol=1e-12)
    np.testing.assert_allclose(path.at(penalty), together, atol=1e-11)


@pytest.mark.parametrize("order", [np.arange(12)[::-1], np.random.default_rng(0).permutation(12)])
def test_order_and_sign_of_predictors_do_not_matter(order):
    x, y = regression()
    beta = lasso(*moments(x, y), 0.1)
    np.testing.assert_allclose(lasso(*moments(-x[:, order], y), 0.1), -beta[:, order], atol=1e-10)


def double(*values):
    return [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [6, 40])
def test_gradient_agrees_with_finite_differences(n, weighted):
    problems = [moments(*regression(n, 7, 3, seed)) for seed in range(2)]
    gram, cross = (np.stack(part) for part in zip(*problems, strict=True))
    penalty = np.random.default_rng(0).uniform(0.1, 0.5, (2, 3))
    weights = torch.tensor([0.0, 0.5, 1.0, 2.0, 1.0, 1.5, 1.0]) if weighted else None
    assert torch.autograd.gradcheck(lambda g, c, p: lasso(g, c, p, weights), double(gram, cross, penalty), atol=1e-6)


def test_gradient_agrees_with_finite_differences_of_an_independent_solver():
    x, y = regression(n=30, p=6, k=1)
    upstream = np.random.default_rng(2).standard_normal((1, 6))

    def loss(y, penalty):
        model = Lasso(alpha=penalty, fit_intercept=False, tol=1e-14, max_iter=1_000_000).fit(x, y)
        return float((upstream * model.coef_).sum())

    gram, cross, penalty = double(*moments(x, y), 0.2)
    (torch.tensor(upstream) * lasso(gram, cross, penalty)).sum().backward()
    step = 1e-5
    assert penalty.grad.item() == pytest.approx((loss(y, 0.2 + step) - loss(y, 0.2 - step)) / (2 * step), rel=1e-5)
    for t in range(0, 30, 7):
        change = np.zeros_like(y)
        change[t] = step
        difference = (loss(y + change, 0.2) - loss(y - change, 0.2)) / (2 * step)
        assert float(cross.grad[0] @ torch.tensor(x[t])) / 30 == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_gradient_flows_through_a_penalty_made_from_the_data():
    gram, cross = double(*moments(*regression(n=30, p=5, k=2)))
    assert torch.autograd.gradcheck(lambda g, c: lasso(g, c, 0.3 * c.abs().amax(1)), (gram, cross), atol=1e-6)


def test_at_a_knot_the_derivative_is_one_sided():
    gram, cross = moments(*regression(k=1))
    for knot in lasso_path(gram, cross).knots[0, :-1]:
        penalty = torch.tensor(knot, requires_grad=True)
        beta = lasso(torch.tensor(gram), torch.tensor(cross), penalty)
        slopes = [torch.autograd.grad(b, penalty, retain_graph=True)[0].item() for b in beta[0]]
        step = 1e-7
        sides = [(lasso(gram, cross, knot + side) - lasso(gram, cross, knot))[0] / side for side in (step, -step)]
        assert any(np.allclose(slopes, side, atol=1e-5) for side in sides)


def test_gradient_is_zero_where_nothing_is_active():
    gram, cross, penalty = double(*moments(*regression()), 1e3)
    lasso(gram, cross, penalty).sum().backward()
    for tensor in (gram, cross, penalty):
        assert (tensor.grad == 0).all()


def test_gradient_is_finite_with_duplicated_predictors():
    x, y = regression()
    gram, cross, penalty = double(*moments(np.hstack([x, x, np.zeros((40, 1))]), y), 0.05)
    lasso(gram, cross, penalty).square().sum().backward()
    for tensor in (gram, cross, penalty):
        assert tensor.grad.isfinite().all()


@pytest.mark.parametrize("power", [1, 2])
def test_a_second_derivative_is_refused(power):
    gram, cross = double(*moments(*regression()))
    loss = lasso(gram, cross, 0.1).pow(power).sum()
    (first,) = torch.autograd.grad(loss, cross, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated only once"):
        first.sum().backward()


def test_gradient_agrees_with_an_independent_differentiable_solver():
    """Proximal gradient descent, differentiated through all of its steps."""
    arguments = moments(*regression(n=40, p=5, k=2)), np.array([0.15, 0.4])
    (gram, cross, penalty), ours = double(*arguments[0], arguments[1]), double(*arguments[0], arguments[1])
    step = 1 / torch.linalg.eigvalsh(gram.detach())[-1]
    beta = torch.zeros_like(cross)
    for _ in range(3000):
        beta = beta - step * (beta @ gram - cross)
        beta = beta.sign() * (beta.abs() - step * penalty[:, None]).clamp(min=0)
    upstream = torch.linspace(-1, 2, 10, dtype=torch.float64).view(2, 5)
    beta.backward(upstream)
    lasso(*ours).backward(upstream)
    torch.testing.assert_close(lasso(*ours), beta, atol=1e-10, rtol=0)
    for mine, theirs in zip(ours, (gram, cross, penalty), strict=True):
        theirs = theirs.grad if theirs.grad.ndim < 2 or theirs is cross else (theirs.grad + theirs.grad.mT) / 2
        torch.testing.assert_close(mine.grad, theirs, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("n", [6, 40])
def test_entry_penalty_is_the_knot_at_which_that_many_are_first_active(n):
    gram, cross = moments(*regression(n=n, p=9, k=4))
    path = lasso_path(gram, cross)
    active = np.count_nonzero(path.signs_below_knots, axis=-1)
    for count in range(1, 11):
        enough = active >= count
        expected = np.where(enough.any(1), np.take_along_axis(path.knots, enough.argmax(1)[:, None], 1)[:, 0], 0)
        np.testing.assert_allclose(entry_penalty(gram, cross, count), expected, atol=1e-12)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.0, 2.0, 0.5, 1.0, 1.0])])
def test_gradient_flows_through_the_knot_at_which_a_predictor_enters(weights):
    gram, cross = double(*moments(*regression(p=6, k=3)))
    for count in range(1, 6):
        assert torch.autograd.gradcheck(lambda g, c, k=count: entry_penalty(g, c, k, weights), (gram, cross))

        def between(g, c, k=count):
            return lasso(g, c, 0.9 * entry_penalty(g, c, k, weights), weights)

        assert torch.autograd.gradcheck(between, (gram, cross), atol=1e-6)


def test_predictors_without_a_penalty_do_not_enter():
    gram, cross = moments(*regression(p=6))
    weights = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    first = lasso_path(gram, cross, weights=weights).max_penalty
    np.testing.assert_allclose(entry_penalty(gram, cross, 1, weights), first)
    assert (entry_penalty(gram, cross, 4, weights) > 0).all()
    assert (entry_penalty(gram, cross, 5, weights) == 0).all()


def test_an_entry_that_does_not_happen_is_at_zero_and_has_no_gradient():
    x, y = regression(p=4)
    gram, cross = double(*moments(np.hstack([x, x, np.zeros((40, 1))]), y))
    entry = entry_penalty(gram, cross, 5)
    entry.sum().backward()
    assert (entry == 0).all()
    assert (gram.grad == 0).all()
    assert (cross.grad == 0).all()
    gram, cross = double(np.eye(3), np.zeros((2, 3)))
    entry_penalty(gram, cross, 1).sum().backward()
    assert (cross.grad == 0).all()
    with pytest.raises(ValueError, match="count=0 must be at least 1"):
        entry_penalty(gram, cross, 0)


def test_types_come_out_as_they_went_in():
    gram, cross = moments(*regression())
    assert isinstance(lasso(gram, cross, 0.1), np.ndarray)
    assert isinstance(lasso_path(gram, cross).at(0.1), np.ndarray)
    assert isinstance(lasso_path(gram, cross).knots, np.ndarray)
    single = [torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in (gram, cross)]
    beta = lasso(*single, 0.1)
    assert beta.dtype == torch.float32
    assert isinstance(lasso_path(*single).at(0.1), torch.Tensor)
    beta.sum().backward()
    assert single[0].grad.dtype == torch.float32
    assert lasso(torch.eye(2), torch.tensor([[3, 0]]), 1).tolist() == [[2.0, 0.0]]


def test_read_only_arrays_are_fine():
    gram, cross = moments(*regression())
    gram.flags.writeable = cross.flags.writeable = False
    assert np.isfinite(lasso(gram, cross, 0.1)).all()


def test_the_number_of_threads_is_left_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    lasso(*moments(*regression()), 0.1)
    with pytest.raises(ValueError, match="negative"):
        lasso(*moments(*regression()), -0.1)
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 3


def test_a_path_that_is_cut_off_says_where():
    with pytest.raises(PathError, match=r"After 5 steps .* stood at penalty 0\.\d+ with \d coefficients") as caught:
        lasso_path(*moments(*regression()), max_steps=5)
    assert not isinstance(caught.value, RuntimeError)
    with pytest.raises(PathError, match="max_steps"):
        lasso(*moments(*regression()), 0.0, max_steps=5)


@pytest.mark.parametrize("gram", [[[1.0, 2.0], [2.0, 1.0]], [[1.0, -3.0], [-3.0, 1.0]]])
def test_a_path_that_loses_its_way_says_so(gram):
    """No data have such a gram matrix, and the criterion has no minimum."""
    for penalty in (0.0, 0.1):
        with pytest.raises(PathError, match=r"target 1 lost its way .* optimality conditions"):
            lasso(gram, [[0.0, 0.0], [1.0, 0.5]], penalty)


def test_coinciding_events_do_no_harm():
    """Small whole numbers of low rank: many predictors meet their boundaries at once."""
    rng = np.random.default_rng(0)
    for _ in range(150):
        n, p = rng.integers(2, 31, 2)
        rank = rng.integers(1, 6)
        x, y = rng.integers(-2, 3, (n, rank)) @ rng.integers(-2, 3, (rank, p)), rng.integers(-2, 3, (n, 2))
        penalised, unpenalised = worst(x.astype(float), y.astype(float))
        assert max(penalised, unpenalised) < 1e-10


def test_unpenalised_predictors_of_low_rank_leave_nothing_singular():
    rng = np.random.default_rng(9)
    for _ in range(150):
        n, p = rng.integers(1, 31, 2)
        rank = rng.integers(1, 6)
        x, y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal((n, 2))
        weights = rng.uniform(0.2, 3, (2, p)) * (rng.random((2, p)) < 0.8)
        beta = lasso_path(*moments(x, y), weights=weights).at(0.0)
        assert kkt(*moments(x, y), beta, np.zeros(2)) < 1e-8 * size(x, y)


def test_polynomials_are_fitted_penalised_or_not():
    """Powers up to the 24th are as dependent as predictors get."""
    rng = np.random.default_rng(0)
    for n in (10, 20, 40):
        x, y = np.linspace(-1, 1, n)[:, None] ** np.arange(25), rng.standard_normal((n, 3))
        gram, cross = moments(x, y)
        weights = np.where(np.arange(25) < 8, 0.0, 1.0)
        for w, least in ((1.0, 1e-10), (weights, 1e-7)):
            path = lasso_path(gram, cross, weights=np.broadcast_to(w, 25))
            for penalty in (1e-3, 1e-2, 0.1):
                assert kkt(gram, cross, path.at(penalty), np.full(3, penalty), w) < least
            assert kkt(gram, cross, path.at(0.0), np.zeros(3)) < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gram": np.full((2, 2), np.nan)}, "gram has 4 values that are NaN or infinite"),
        ({"cross": np.array([[np.inf, 0.0]])}, "cross has 1 values"),
        ({"penalty": np.nan}, "penalty has 1 values"),
        ({"penalty": -1.0}, "penalty=-1 is negative"),
        ({"penalty": np.ones(3)}, r"penalty of shape \(3,\) does not fit"),
        ({"gram": np.ones((2, 3))}, "P, P"),
        ({"gram": np.zeros((0, 0)), "cross": np.zeros((1, 0))}, "at least one predictor"),
        ({"gram": np.array([[1.0, 0.5], [0.0, 1.0]])}, "not symmetric"),
        ({"cross": np.ones((1, 3))}, "K, P"),
        ({"cross": np.ones(2)}, "K, P"),
        ({"cross": np.ones((4, 1, 2))}, "same leading dimensions"),
        ({"cross": np.ones((0, 2))}, "at least one target"),
        ({"weights": np.array([1.0, -1.0])}, "weights reach down to -1"),
        ({"weights": np.ones(3)}, "weights of shape"),
        ({"weights": torch.ones(2, requires_grad=True)}, "weights cannot carry a gradient"),
    ],
)
def test_unusable_input_is_refused(change, message):
    arguments = {"gram": np.eye(2), "cross": np.ones((1, 2)), "penalty": 0.1, "weights": None} | change
    with pytest.raises(ValueError, match=message):
        lasso(**arguments)


@pytest.mark.parametrize("penalty", [0.05, -1.0, np.nan, np.inf])
def test_a_penalty_that_is_not_on_the_path_is_refused(penalty):
    path = lasso_path(*moments(*regression()), 0.1)
    with pytest.raises(ValueError, match=r"not on the path, which ends at 0\.1"):
        path.at(penalty)


def test_a_path_may_end_at_a_number_of_predictors():
    gram, cross = moments(*regression(n=200, p=20, k=3))
    whole, cut = lasso_path(gram, cross), lasso_path(gram, cross, most=4)
    assert (whole.degrees_of_freedom(0.999 * cut.min_penalty) == 4).all()
    assert (whole.degrees_of_freedom(1.001 * cut.min_penalty) == 3).all()
    for penalty in np.linspace(cut.min_penalty.max(), cut.max_penalty.max(), 7):
        np.testing.assert_array_equal(cut.at(penalty), whole.at(penalty))
    with pytest.raises(ValueError, match="not on the path"):
        cut.at(0.9 * cut.min_penalty.max())


def test_moments_without_a_minimum_are_refused():
    """Along the null space of the Gram matrix the objective falls for ever, and once ended at 8e14."""
    gram, cross = np.ones((2, 2)), np.array([[1.0, 0.5]])
    for penalty in (0.0, 0.1):
        with pytest.raises(ValueError, match="No finite coefficients minimise the squares of target 0"):
            lasso(gram, cross, penalty)
    assert np.abs(lasso(gram, cross, 0.3)).max() < 1  # bounded, with a penalty of more than half the gap
    assert np.abs(lasso(gram, np.ones((1, 2)), 0.0)).sum() == pytest.approx(1)
