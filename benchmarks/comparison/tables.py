"""Tables of the comparison: calibration, power, real recordings, and time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import binomtest

from benchmarks.comparison.calibration import QUESTIONS, joined, share
from benchmarks.comparison.calibration import read as calibration_results
from benchmarks.comparison.labels import line as labels_line
from benchmarks.comparison.pipeline import SHARES
from benchmarks.stored import stored
from benchmarks.tables import markdown, results, spread

VERDICTS = ("differ", "no difference found", "cannot be decided")
PARTS = ("noise", "power", "pairs")
"""Parts of the benchmark of the verdict that have a table."""


def calibration() -> str:
    """Rejection rates in percent, of null data sets in each setting."""
    lines, found = [], calibration_results(stored("calibration"))
    numbers = sorted({setting.latents for setting in found})
    groups = [(str(k), "all", "all", [setting for setting in sorted(found) if setting.latents == k]) for k in numbers]
    for setting in sorted(found):
        first = not (setting.skewed or setting.unequal)
        name = f"{setting.latents}, {setting.length}, {setting.order}" if first else ""
        kinds = "skewed" if setting.skewed else "Gaussian", "unequal" if setting.unequal else "equal"
        groups.append((name, *kinds, [setting]))
    for *names, settings in groups:
        p = {q: np.concatenate([joined(found[setting], q) for setting in settings]) for q in QUESTIONS}
        tenth = {q: f"{100 * (values <= 0.1).mean():.1f}" for q, values in p.items()}
        lines.append([
            *names, str(len(p["any"])), share(p["coupling"]), tenth["coupling"], share(p["persistence"]),
            tenth["persistence"], share(p["any"]),
        ])  # fmt: skip
    header = ["K, n, p", "innovations", "means and variances", "sets", "coupling, p ≤ 0.05", "p ≤ 0.1"]
    return markdown([*header, "persistence, p ≤ 0.05", "p ≤ 0.1", "any, p ≤ 0.05"], lines)


def labels() -> str:
    """Shares of small p-values of the permutation of segments, where labels are assigned at random."""
    rows, lines = results("labels"), []
    for movie, k, noise in sorted({(row["movie"], row["latents"], row["noise"]) for row in rows}):
        mine = [row for row in rows if (row["movie"], row["latents"], row["noise"]) == (movie, k, noise)]
        lines.append([f"{movie}, K = {k}, noise {noise}", *labels_line(mine)])
    return markdown(["", "sets", "coupling, p ≤ 0.05", "p ≤ 0.2", "persistence, p ≤ 0.05", "p ≤ 0.2"], lines)


def halves() -> str:
    """How often drift between halves shows, by their length."""
    lines = []
    for row in results("halves"):
        low, high = binomtest(row["halves"], row["sets"]).proportion_ci()
        lines.append([
            row["drifting"], str(row["length"]), f"{row['pairs per predictor of a half']:.2f}", str(row["sets"]),
            f"{100 * row['ranges'] / row['sets']:.0f}",
            f"{100 * row['halves'] / row['sets']:.0f} ({100 * low:.0f} to {100 * high:.0f})",
            f"{100 * row['ranges, not halves'] / row['sets']:.0f}",
        ])  # fmt: skip
    return markdown(
        ["drift in", "frames in a range", "lag pairs for each predictor in a half", "sets", "A and B differ",
         "halves of A or B differ", "A and B differ, halves do not"], lines
    )  # fmt: skip


def verdicts(part: str) -> str:
    """Shares of small p-values and of verdicts, for each row of a part of the benchmark of verdicts."""
    stored_rows, lines = [row for row in results("verdict") if row["part"] == part], []
    for name in sorted({row["row"] for row in stored_rows}):
        mine = [row for row in stored_rows if row["row"] == name]
        cells, n = [name, str(sum(row["count"] for row in mine))], sum(row["count"] for row in mine)
        for column in ("coupling", "persistence", "any", "oracle"):
            values = [p for row in mine for p in row.get(column, ())]
            count = sum(p <= 0.05 for p in values)
            low, high = binomtest(count, n).proportion_ci()
            interval = f" ({100 * low:.0f} to {100 * high:.0f})" if column in ("coupling", "persistence") else ""
            cells.append(f"{100 * count / n:.0f}{interval}" if values else "")
        told = [verdict for row in mine for verdict in row["verdict"]]
        cells += [f"{100 * told.count(v) / n:.0f}" for v in VERDICTS]
        lines.append(cells)
    header = ["", "sets", "coupling, p ≤ 0.05", "persistence", "any", "oracle", "differ", "none found", "cannot"]
    return markdown(header, lines)


def pipeline() -> str:
    """Share of movies with p <= 0.05, by question and null, and the verdicts."""
    rows, lines = results("pipeline"), []
    for kind, words in (("none", "nothing changes"), ("change", "half of the links change")):
        mine = [row for row in rows if row["variant"] == kind]
        cells = [words, str(len(mine))]
        for name in SHARES:
            count = sum(row[name] <= 0.05 for row in mine)
            low, high = binomtest(count, len(mine)).proportion_ci()
            shown = f" ({100 * low:.0f} to {100 * high:.0f})" if name in ("coupling", "persistence") else ""
            cells.append(f"{100 * count / len(mine):.0f}{shown}")
        found = [row["verdict"] for row in mine]
        low, high = binomtest(found.count(VERDICTS[0]), len(mine)).proportion_ci()
        cells.append(f"{100 * found.count(VERDICTS[0]) / len(mine):.0f} ({100 * low:.0f} to {100 * high:.0f})")
        cells += [f"{100 * found.count(verdict) / len(mine):.0f}" for verdict in VERDICTS[1:]]
        lines.append(cells)
    return markdown(
        ["", "movies", "coupling, p ≤ 0.05", "VAR", "blocks", "noise left in", "persistence", "true traces", "differ",
         "none found", "cannot"], lines
    )  # fmt: skip


def pipeline_found() -> str:
    """What is found of a change of half of the links."""
    mine = [row for row in results("pipeline") if row["variant"] == "change"]
    names = {
        "links": "average precision for the links that change",
        "links of true traces": "the same, true traces known",
        "difference map": "area under the ROC curve of the difference map, for cells whose links change",
        "variance image": "the same, of the variance image",
    }
    lines = []
    for name, words in names.items():
        values = [row[name] for row in mine if row.get(name) is not None]
        lines.append([words, str(len(values)), spread(values, 2)])
    return markdown(["", "movies", "mean ± SD"], lines)


def timing() -> str:
    """Table of how long comparisons take."""
    lines = [
        [str(row["latents"]), "accounted for" if row["noise"] else "none", str(row["resamples"]),
         f"{row['cpu of a draw']:.3f} s", f"{row['seconds']:.0f} s", f"{row['gigabytes']:.1f} GB"]
        for row in results("timing")
    ]  # fmt: skip
    return markdown(["latents", "noise", "resamples", "CPU time of a draw", "time in all", "peak memory"], lines)


def power(name: str) -> str:
    """Share of p <= 0.05 of other tests, by length and size of a change."""
    lines, before = [], None
    for row in sorted(results(name), key=lambda row: (row["length"], row["size"])):
        shares = [
            f"{100 * np.mean(np.array(row[rival]) <= 0.05):.0f} %" for rival in ("ours", "oracle", "chow", "shift")
        ]
        lines.append(["" if row["length"] == before else str(row["length"]), f"{row['size']:g}", *shares])
        before = row["length"]
    return markdown(["frames per range", "change", "any coefficient, here", "oracle", "Chow test", "shift test"], lines)


def detectable() -> str:
    """How often a change of the detectable size is found."""
    lines = []
    for row in sorted(results("detectable"), key=lambda row: (row["length"], row["skewed"])):
        low, high = binomtest(row["named"], row["sets"]).proportion_ci()
        found = f"{100 * row['named'] / row['sets']:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
        kind = "skewed" if row["skewed"] else "Gaussian"
        lines.append([str(row["length"]), kind, f"{row['size']:.2f}", str(row["sets"]), found])
    return markdown(["frames per range", "innovations", "median size", "pairs", "found"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "calibration": calibration, "labels": labels, "halves": halves, "timing": timing,
    "power": lambda: power("power"), "power plain": lambda: power("power_plain"), "detectable": detectable,
    "pipeline": pipeline, "pipeline found": pipeline_found,
    **{f"verdicts {part}": lambda part=part: verdicts(part) for part in PARTS},
}  # fmt: skip
