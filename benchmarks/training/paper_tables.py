"""Tables of both networks in the paper's setting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import ttest_rel

from benchmarks.stored import Rows
from benchmarks.tables import markdown, of, results, spread
from benchmarks.training import paper_recordings
from benchmarks.training.paper_setting import EPOCHS, EVERYTHING

PAPER_SCENARIOS = ("realistic", "distractors", "overlap")
ELSEWHERE = ("motion", "saturating", "brightness")
PAPER = {
    "rec": 3, "pred": 3, "latent error": 3, "R2": 2, "cells": 2, "links": 2, "driver": 2, "drive r": 2, "compact": 2,
    "SNR": 1, "gradient at start": 3, "gradient at end": 3, "seconds": 0,
}  # fmt: skip
"""Figures that are shown of the paper's setting, with their digits."""
CLAIMED = ("rec", "pred", "latent error", "R2", "cells", "links", "driver", "compact", "SNR")
CLAIMS = (
    ("end_to_end − two_stage", "skip, end_to_end", "skip, two_stage"),
    ("end_to_end − stop_gradient", "skip, end_to_end", "skip, stop_gradient"),
    ("skip − no skip", "skip, end_to_end", "no skip, end_to_end"),
    ("warm − random start", "warm start, end_to_end", "skip, end_to_end"),
    ("end_to_end − two_stage, warm start", "warm start, end_to_end", "warm start, two_stage"),
)
"""Names of differences, and the variants of the convolutional network that are compared."""
AS_MANY = 30
"""Epochs from a random start that take as many steps as a warm start with its imitation."""
LONGER = {"rec": 3, "pred": 3, "latent error": 3, "R2": 2, "cells": 2, "links": 2}
RECORDINGS = {"rec": 3, "pred": 3, "latent R2": 2, "nonzeros": 1, "same links": 2, "same map": 2, "epochs": 0}
"""Figures of longer trainings and of recordings, with their digits."""


def setting(epochs: int = EPOCHS) -> Rows:
    """Lines of the trainings of so many epochs."""
    return [row for row in results("paper_setting") if row["epochs"] == epochs]


def paper(scenario: str) -> str:
    """Table of both networks in the paper's setting."""
    rows, lines = setting(), []
    for variant in EVERYTHING:
        mine = of(rows, scenario, variant).values()
        if not mine:
            continue
        lines.append([variant, *(spread([r.get(name, np.nan) for r in mine], d) for name, d in PAPER.items())])
    return markdown(["", *PAPER], lines)


def paper_elsewhere() -> str:
    """Table of both networks where the convolutional one might win."""
    rows, lines = setting(), []
    figures = {name: digits for name, digits in PAPER.items() if not name.startswith(("gradient", "seconds"))}
    for scenario in ELSEWHERE:
        for variant in EVERYTHING:
            mine = of(rows, scenario, variant).values()
            if mine:
                cells = [spread([r.get(name, np.nan) for r in mine], d) for name, d in figures.items()]
                lines.append([scenario, variant, *cells])
    return markdown(["scenario", "", *figures], lines)


def paper_claims() -> str:
    """Paired differences of the paper's claims, for the convolutional network."""
    rows, lines = setting(), []
    for name, first, second in CLAIMS:
        for scenario in PAPER_SCENARIOS:
            a, b = of(rows, scenario, f"convolutional, {first}"), of(rows, scenario, f"convolutional, {second}")
            cells = []
            for figure in CLAIMED:
                x, y = (np.array([part[seed][figure] for seed in sorted(a.keys() & b.keys())]) for part in (a, b))
                bold = "**" if (x != y).any() and ttest_rel(x, y).pvalue <= 0.05 else ""
                cells.append(f"{bold}{np.mean(x - y):+.3f}{bold} ({(x > y).sum()}/{len(x)})")
            lines.append([name, scenario, *cells])
    return markdown(["", "scenario", *CLAIMED], lines)


def paper_longer() -> str:
    """Table of trainings from a random start that take as many steps as those from a warm start, or more."""
    lines = []
    for scenario in PAPER_SCENARIOS:
        for epochs in (EPOCHS, AS_MANY, 80):
            for mode in ("end_to_end", "two_stage", "stop_gradient"):
                mine = of(setting(epochs), scenario, f"convolutional, skip, {mode}").values()
                if mine:
                    cells = [spread([r[name] for r in mine], digits) for name, digits in LONGER.items()]
                    lines.append([scenario, mode, str(epochs), str(len(mine)), *cells])
    return markdown(["", "", "epochs", "recordings", *LONGER], lines)


def paper_on_recordings() -> str:
    """Table of both networks on recordings."""
    rows, lines = results("paper_recordings"), []
    for movie in dict.fromkeys(row["movie"] for row in rows):
        for variant in paper_recordings.EVERYTHING:
            mine = [row for row in rows if (row["movie"], row["variant"]) == (movie, variant)]
            if mine:
                cells = [spread([r.get(name, np.nan) for r in mine], d) for name, d in RECORDINGS.items()]
                lines.append([f"`{movie}`, K = {mine[0]['latents']}", variant, *cells])
    return markdown(["", "", *RECORDINGS], lines)


TABLES: dict[str, Callable[[], str]] = {
    **{f"paper {name}": lambda name=name: paper(name) for name in PAPER_SCENARIOS},
    "paper claims": paper_claims, "paper elsewhere": paper_elsewhere,
    "paper longer": paper_longer, "paper recordings": paper_on_recordings,
}  # fmt: skip
