"""How well the optimality conditions hold where predictors are nearly combinations of others.

    python -m benchmarks.lasso.near_collinear [--problems 12000]

Random problems with up to three near-combinations each. A row per decade of the penalty, as a share of the largest
correlation that data of this size could have: estimates, the share of them that violate the conditions by more than
1e-9, and the largest violation. Then the paths that stopped with a PathError.
"""

from __future__ import annotations

import argparse

import numpy as np

import napari_varae as nv
from benchmarks.stored import keep, stored


def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw predictors (n, P), some of them almost combinations of others, and targets (n, K)."""
    n, p, k = rng.integers(2, 25), rng.integers(2, 14), rng.integers(1, 4)
    x, y = rng.standard_normal((n, p)), rng.standard_normal((n, k))
    for _ in range(rng.integers(1, 4)):
        *others, one = rng.permutation(p)[: rng.integers(2, 5)]
        simple = rng.random() < 0.5
        mix = rng.choice([-1, -0.5, 0.5, 1, 2, 1e-3], len(others)) if simple else rng.standard_normal(len(others))
        apart = 10.0 ** -rng.uniform(2, 13) * (rng.random() < 0.9)
        x[:, one] = x[:, others] @ mix + apart * rng.standard_normal(n)
    return x * 10.0 ** (rng.uniform(-2, 2, p) * (rng.random() < 0.2)), y


def violation(gram: np.ndarray, cross: np.ndarray, beta: np.ndarray, penalty: float) -> float:
    """Largest violation of the optimality conditions of the lasso."""
    correlation = cross - beta @ gram
    inactive = np.abs(beta) <= 1e-13 * np.abs(beta).max()
    at_zero, apart = np.abs(correlation) - penalty, np.abs(correlation - penalty * np.sign(beta))
    return float(np.where(inactive, at_zero, apart).max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=12_000)
    problems = parser.parse_args().problems
    rng, found, stopped = np.random.default_rng(77), dict[str, list[float]](), 0
    for _ in range(problems):
        x, y = problem(rng)
        gram, cross = x.T @ x / len(x), y.T @ x / len(x)
        largest = float(np.sqrt((x**2).mean(0).max() * (y**2).mean(0).max()))
        shares = [0.0, *10.0 ** rng.uniform(-8, 0, 16)]
        try:
            path = nv.lasso_path(gram, cross)
        except nv.PathError:
            stopped += 1
            continue
        for share in shares:
            worst = violation(gram, cross, path.at(share * largest), share * largest) / largest
            decade = f"1e{int(np.floor(np.log10(share)))}" if share else "0"
            found.setdefault(decade, []).append(worst)
    rows = []
    print(f"{'penalty from':>12}{'estimates':>11}{'above 1e-9':>12}{'largest':>10}")
    for decade in sorted(found, key=float):
        worst = np.array(found[decade])
        print(f"{decade:>12}{len(worst):>11}{(worst > 1e-9).mean():>12.4%}{worst.max():>10.0e}")
        rows.append({"from": float(decade), "estimates": len(worst), "above": int((worst > 1e-9).sum()),
                     "largest": float(worst.max()), "problems": problems, "stopped": stopped})  # fmt: skip
    keep(stored("near_collinear"), rows)
    print(f"{stopped} of {problems} paths stopped")


if __name__ == "__main__":
    main()
