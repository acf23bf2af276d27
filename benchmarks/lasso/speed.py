"""How fast the l1 path, one estimate and its gradient are, beside what people use for them.

    python -m benchmarks.lasso.speed [MOVIE.tif] [--rounds 7] [--epochs 2]

Rivals: a loop of scikit-learn's `lars_path_gram` for whole paths; coordinate descent of scikit-learn, celer and skglm
for one penalty; cvxpylayers and qpth for the gradient. Those that are missing are passed over (`pip install
napari-varae[bench]`; qpth only by hand, as it asks for an old numpy).

Latents come from a sparse VAR of which one frame keeps 0.7 or 0.9 of the one before, from fits to a simulated movie
and to MOVIE.tif, and from white noise, whose paths are far longer than those of any recording. Everything is
standardised. The alternatives take turns, round by round, so that whatever else the computer does meets all of them.
Times are medians in milliseconds, and ratios the median, the smallest and the largest of one round each. The movie
replaces what is stored.
"""

from __future__ import annotations

import argparse
import statistics
import time
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import torch
from sklearn.linear_model import Lasso, lars_path_gram

import napari_varae as nv
from benchmarks.stored import Rows, keep, stored
from benchmarks.training.recording import seconds_per_step
from napari_varae.core.compute.threads import one_thread
from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.lasso.path import lasso_path
from napari_varae.core.simulation.settings import SAMPLE

SETTINGS = [(64, 1, 256), (64, 2, 256), (128, 1, 512), (256, 1, 512)]
"""Latents K, lags p, frames n."""
TOLERANCE = 1e-6
"""Duality gap, or its like, at which the iterative rivals may stop."""


def sparse_var(k, n, decay, seed=0):
    """Latents of a sparse, stable VAR of order 1; of white noise when the decay is 0."""
    rng = np.random.default_rng(seed)
    edges = (rng.random((k, k)) < 0.06) * rng.choice([-0.15, 0.15], (k, k)) if decay else np.zeros((k, k))
    a = decay * np.eye(k) + edges
    a *= min(1.0, 0.97 / np.abs(np.linalg.eigvals(a)).max()) if decay else 1.0
    z = np.zeros((n + 200, k))
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + rng.standard_normal(k)
    return z[200:]


def fitted(stack, k, epochs):
    """Latents of a fit with K latents, all frames of the movie."""
    return nv.fit(stack, nv.FitConfig(latents=k, epochs=epochs)).encode(stack).astype(float)


def lagged(z, p):
    """Lagged predictors and targets of standardised latents."""
    z = (z - z.mean(0)) / z.std(0).clip(min=1e-9)
    return np.hstack([z[p - lag : len(z) - lag] for lag in range(1, p + 1)]), z[p:]


def moments(x, y):
    return x.T @ x / len(x), y.T @ x / len(x)


def seconds(function, *arguments):
    """Time of one call, and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def median(times):
    return 1e3 * statistics.median(times)


def in_turn(alternatives, rounds):
    """Times of alternatives that take turns, after one call of each that is not counted, and their last results."""
    results = {name: call() for name, call in alternatives.items()}
    times = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, call in alternatives.items():
            time.sleep(0.2)  # the threads that a matrix product used spin on for a while, and not for who made them
            spent, results[name] = seconds(call)
            times[name].append(spent)
    return times, results


def ratio(theirs, ours):
    """Median, smallest and largest of the ratios of one round each."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return [round(value, 3) for value in (statistics.median(ratios), min(ratios), max(ratios))]


def largest_difference(path, reference, stop):
    """Largest difference of coefficients between the two, halfway down each path on a logarithmic scale."""
    penalty = np.sqrt(stop * path.max_penalty)
    theirs = np.array(
        [[np.interp(p, knots[::-1], row[::-1]) for row in coefficients]
         for p, (knots, _, coefficients) in zip(penalty, reference, strict=True)]
    )  # fmt: skip
    return np.abs(path.at(penalty) - theirs).max()


def whole_paths(z, p, rounds):
    """Each target's path from its largest useful penalty to a tenth of it, and evaluating it again."""
    x, y = lagged(z, p)
    (gram, cross), n = moments(x, y), len(x)
    stop = 0.1 * np.abs(cross).max(1)

    def loop():
        return [
            lars_path_gram(n * c, n * gram, n_samples=n, method="lasso", alpha_min=s)
            for c, s in zip(cross, stop, strict=True)
        ]

    times, results = in_turn({"ours": lambda: lasso_path(gram, cross, stop), "loop": loop}, rounds)
    path = results["ours"]
    at = [seconds(path.at, factor * stop)[0] for factor in np.linspace(1, 9, 21)]
    return {
        "n": n, "knots": path.knots.shape[1], "path": median(times["ours"]), "loop": median(times["loop"]),
        "ratio": ratio(times["loop"], times["ours"]), "at": median(at),
        "difference": largest_difference(path, results["loop"], stop),
    }  # fmt: skip


def coordinate_descent(x, y, penalty):
    """Rivals at one penalty, by name; each loops over the targets."""
    common = {"alpha": penalty, "fit_intercept": False, "tol": TOLERANCE}

    def per_target(model):
        return lambda: np.array([model.fit(x, target).coef_ for target in y.T])

    rivals = {"scikit-learn": lambda: Lasso(**common, precompute=x.T @ x).fit(x, y).coef_}
    if find_spec("celer"):
        rivals["celer"] = per_target(import_module("celer").Lasso(**common))
    if find_spec("skglm"):
        skglm = import_module("skglm")
        rivals["skglm"] = per_target(skglm.Lasso(**common))
        solver = skglm.solvers.GramCD(fit_intercept=False, tol=TOLERANCE)
        l1 = skglm.penalties.L1(penalty)
        rivals["skglm, Gram"] = lambda: np.array([solver.solve(x, target, None, l1)[0] for target in y.T])
    return rivals


def one_penalty(z, p, share, rounds):
    """One estimate from the data on, for a share of the largest penalty, beside each rival that is installed."""
    x, y = lagged(z, p)
    x, y = np.asfortranarray(x), np.asfortranarray(y)
    penalty = share * np.abs(moments(x, y)[1]).max()
    rivals = coordinate_descent(x, y, penalty)
    tensors = torch.from_numpy(x), torch.from_numpy(y)

    @one_thread()
    def ours():
        return lasso(*moments(*tensors), penalty).numpy()

    times, results = in_turn({"ours": ours, **rivals}, rounds)
    return {
        "share": share, "nonzeros": np.count_nonzero(results["ours"]) / len(results["ours"]),
        "ours": median(times["ours"]),
        "ratios": {rival: ratio(times[rival], times["ours"]) for rival in rivals},
        "differences": {rival: float(np.abs(results[rival] - results["ours"]).max()) for rival in rivals},
    }  # fmt: skip


def gradient(gram, cross, share, layer=None):
    """Times of one estimate and of its gradient, and the gradient with respect to the cross-moments."""
    gram, cross = (torch.tensor(a, requires_grad=True) for a in (gram, cross))
    penalty = share * float(cross.detach().abs().max())
    forward, beta = seconds(layer or lasso, gram, cross, penalty)
    weights = torch.linspace(-1, 1, beta.numel(), dtype=beta.dtype).view_as(beta)
    backward, slopes = seconds(torch.autograd.grad, beta, (gram, cross), weights)
    return forward, backward, slopes[1]


def cvxpy_layer(k):
    """The same lasso as a differentiable cone program: |R b - r|^2 / 2 + penalty |b|_1 with R'R = G, R'r = c."""
    cp, layers = import_module("cvxpy"), import_module("cvxpylayers.torch")
    b, root, aim, penalty = cp.Variable(k), cp.Parameter((k, k)), cp.Parameter(k), cp.Parameter(nonneg=True)
    program = cp.Problem(cp.Minimize(cp.sum_squares(root @ b - aim) / 2 + penalty * cp.norm1(b)))
    layer = layers.CvxpyLayer(program, parameters=[root, aim, penalty], variables=[b])

    def solve(gram, cross, penalty):
        root = torch.linalg.cholesky(gram).mT
        aims = torch.linalg.solve_triangular(root.mT, cross.mT, upper=False).mT
        return layer(root, aims, torch.tensor(penalty, dtype=torch.float64), solver_args={"eps": 1e-8})[0]

    return solve


def qp_layer(_):
    """The same lasso as a quadratic program in the positive and negative parts of b."""
    function = import_module("qpth.qp").QPFunction(verbose=-1)

    def solve(gram, cross, penalty):
        k = gram.shape[-1]
        doubled = torch.cat([torch.cat([gram, -gram], 1), torch.cat([-gram, gram], 1)])
        doubled = doubled + 1e-8 * torch.eye(2 * k, dtype=gram.dtype)
        none = torch.empty(0, dtype=gram.dtype)
        bound = -torch.eye(2 * k, dtype=gram.dtype), torch.zeros(2 * k, dtype=gram.dtype)
        parts = function(doubled, penalty - torch.cat([cross, -cross], 1), *bound, none, none)
        return parts[:, :k] - parts[:, k:]

    return solve


def gradients(z, p, share, rounds):
    """Estimate and its gradient, at a share of the largest penalty."""
    gram, cross = moments(*lagged(z, p))
    gradient(gram, cross, share)
    runs = [gradient(gram, cross, share)[:2] for _ in range(rounds)]
    forward, backward = zip(*runs, strict=True)
    return {
        "share": share, "forward": median(forward), "backward": median(backward), "ratio": ratio(backward, forward)
    }  # fmt: skip


def differentiable_rivals(z, rounds):
    """Estimate and gradient of the layers that people differentiate convex programs with."""
    gram, cross = moments(*lagged(z, 1))
    for package, make in (("cvxpylayers", cvxpy_layer), ("qpth", qp_layer)):
        if not find_spec(package):
            print(f"{package}: not installed")
            continue
        layer = make(len(gram))
        ours, theirs = [], []
        for _ in range(rounds):
            *spent, direction = gradient(gram, cross, 0.3)
            ours.append(sum(spent))
            *spent, rival = gradient(gram, cross, 0.3, layer)
            theirs.append(sum(spent))
        yield {
            "package": package, "theirs": median(theirs), "ours": median(ours), "ratio": ratio(theirs, ours),
            "difference": float((rival - direction).abs().max() / direction.abs().max()),
        }  # fmt: skip


def main() -> None:
    """Measure all of it, print the lines as they come, and keep them at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    found: Rows = []

    def add(table, **row):
        found.append({"table": table} | row)
        print(found[-1], flush=True)

    stacks = {"fit to a simulation": nv.simulate(SAMPLE).stack}
    if given.movie:
        stacks["fit to the movie"] = nv.open_stack(given.movie)
    fits = {name: {k: fitted(stack, k, given.epochs) for k in (64, 128, 256)} for name, stack in stacks.items()}
    rows = [
        *(("sparse VAR, 0.7", sparse_var(k, n, 0.7), p) for k, p, n in SETTINGS),
        *(("sparse VAR, 0.9", sparse_var(k, n, 0.9), p) for k, p, n in SETTINGS),
        *((name, latents[k][:n], p) for name, latents in fits.items() for k, p, n in SETTINGS),
        *(("white noise", sparse_var(k, n, 0.0), p) for k, p, n in SETTINGS),
    ]
    for name, z, p in rows:
        add("paths", latents=name, K=z.shape[1], p=p, **whole_paths(z, p, given.rounds))
    for name, z, p in rows:
        for share in (0.1, 0.3) if name != "white noise" else ():
            add("one penalty", latents=name, K=z.shape[1], p=p, **one_penalty(z, p, share, min(3, given.rounds)))
    for name, z, p in rows:
        for share in (0.1, 0.3):
            add("gradients", latents=name, K=z.shape[1], p=p, **gradients(z, p, share, given.rounds))
    for row in differentiable_rivals(sparse_var(64, 256, 0.7), 3):
        add("layers", K=64, p=1, **row)
    for name, stack in stacks.items():
        step, estimate = seconds_per_step(stack, nv.FitConfig(latents=64))
        add("training step", latents=name, step=1e3 * step, estimate=1e3 * estimate)
    keep(stored("lasso_speed"), found)


if __name__ == "__main__":
    main()
