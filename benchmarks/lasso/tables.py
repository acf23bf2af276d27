"""Tables of the l1 path."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.stored import Rows
from benchmarks.tables import markdown, results


def near_collinear() -> str:
    """Violations of the optimality conditions, by decade of the penalty."""
    decades = {row["from"]: row for row in results("near_collinear")}
    groups = {"1e-4 and above": [d for d in decades if d >= 1e-4]}
    groups |= {f"1e{e} to 1e{e + 1}": [10.0**e] for e in (-5, -6, -7, -8)} | {"0": [0.0]}
    lines = []
    for name, members in groups.items():
        rows = [row for start, row in decades.items() if any(np.isclose(start, member, atol=0) for member in members)]
        count, above = sum(row["estimates"] for row in rows), sum(row["above"] for row in rows)
        share = f"{100 * above / count:.2g} %" if above else f"none of {round(count, -3):,}".replace(",", " ")
        lines.append([name, share, f"{max(row['largest'] for row in rows):.0e}".replace("e-0", "e-")])
    return markdown(
        ["λ, as a share of the largest possible correlation", "more than 1e-9 in", "largest violation"], lines
    )


def times_faster(ratio: list[float]) -> str:
    """Median and range of a ratio."""
    return f"{ratio[0]:.1f} ({ratio[1]:.1f} to {ratio[2]:.1f})"


def of_table(name: str) -> Rows:
    """Rows of one table of the speed of the l1 path."""
    return [row for row in results("lasso_speed") if row["table"] == name]


def problem(rows: Rows, i: int) -> list[str]:
    """Name of the latents, where it is another one, K and p."""
    name = rows[i]["latents"]
    return ["" if i and rows[i - 1]["latents"] == name else name, str(rows[i]["K"]), str(rows[i]["p"])]


def paths() -> str:
    """Table of whole paths, beside a loop of scikit-learn's over the targets."""
    rows = of_table("paths")
    lines = [
        [*problem(rows, i), str(row["n"]), str(row["knots"]), f"{row['path']:.1f}", f"{row['loop']:.0f}",
         times_faster(row["ratio"]), f"{row['at']:.2f}"]
        for i, row in enumerate(rows)
    ]  # fmt: skip
    return markdown(["latents", "K", "p", "n", "knots", "path", "loop", "times faster (range)", "evaluation"], lines)


def one_penalty() -> str:
    """Table of one estimate, beside coordinate descent."""
    rows = [row for row in of_table("one penalty") if row["share"] == 0.1]
    rivals = list(rows[0]["ratios"])
    lines = [
        [
            *problem(rows, i),
            f"{row['share']:g}",
            f"{row['ours']:.1f}",
            *(times_faster(row["ratios"][r]) for r in rivals),
        ]
        for i, row in enumerate(rows)
    ]
    return markdown(["latents", "K", "p", "λ / largest", "here", *rivals], lines)


def gradients() -> str:
    """Table of the time of the gradient beside that of the estimate."""
    rows = [row for row in of_table("gradients") if row["share"] == 0.1]
    lines = [
        [*problem(rows, i), f"{row['forward']:.1f}", f"{row['backward']:.2f}",
         "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * share for share in row["ratio"]))]
        for i, row in enumerate(rows)
    ]  # fmt: skip
    return markdown(["latents", "K", "p", "estimate", "gradient", "of the estimate (range)"], lines)


def layers() -> str:
    """Table of layers that differentiate convex programs."""
    lines = [
        [row["package"], f"{row['theirs']:.0f}", f"{row['ours']:.1f}", times_faster(row["ratio"]),
         f"{row['difference']:.0e}"]
        for row in of_table("layers")
    ]  # fmt: skip
    return markdown(["", "estimate and gradient", "here", "times faster (range)", "relative difference"], lines)


def compiling() -> str:
    """Table of first calls."""
    lines = [
        [row["call"], row["from"], "{:.1f} s ({:.1f} to {:.1f})".format(*row["first"]), f"{row['again']:.3f} s"]
        for row in results("compiling")
    ]
    return markdown(["", "", "first call in a process (range)", "second call"], lines)


def penalty() -> str:
    """Table of what a choice of the penalty takes, beside the path that is kept and whole paths."""
    rows = [row for row in results("penalty") if "what" in row]
    lines = [
        [str(row["latents"]), row["what"], f"{row['cpu']:.2f} s", f"{1000 * row['memory']:.0f} MB"] for row in rows
    ]
    return markdown(["latents", "", "CPU time", "memory"], lines)


def above_minimum() -> str:
    """Table of how far BIC at the chosen penalty is above its minimum."""
    lines = [
        [f"`{row['movie']}`", str(row["latents"]), str(row["order"]), f"{row['links']:.1f}", f"{row['above']:.1f}"]
        for row in results("penalty")
        if "movie" in row
    ]
    return markdown(["recording", "latents", "order", "links into a latent", "BIC minus its minimum"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "near_collinear": near_collinear, "lasso paths": paths, "lasso penalty": one_penalty,
    "lasso gradients": gradients, "lasso layers": layers, "compiling": compiling,
    "penalty": penalty, "penalty above": above_minimum,
}  # fmt: skip
