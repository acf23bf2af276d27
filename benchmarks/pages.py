"""Fill the tables and pictures of the docs from the results that the benchmarks have stored.

    python -m benchmarks.pages [--check] [--pictures]

Between `<!-- table NAME -->` and `<!-- end -->` a page gets the table of that name, made from `benchmarks/results/`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest, ttest_rel

from benchmarks.comparison.calibration import QUESTIONS, joined, share
from benchmarks.comparison.calibration import read as calibration_results
from benchmarks.comparison.labels import line as labels_line
from benchmarks.comparison.pipeline import SHARES
from benchmarks.stored import Rows, read, stored
from benchmarks.training.ablation import CLAIMS, VARIANTS, places, rival_maps, true_drive
from benchmarks.training.ablation_recordings import SHOWN as SHOWN_RECORDINGS
from benchmarks.training.flatness import MOVES
from benchmarks.training.flatness import SHOWN as SHOWN_FLAT
from benchmarks.training.paper_setting import EVERYTHING

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = tuple(
    DOCS / f"{name}.md" for name in ("results", "paper", "statistics", "lasso", "how-to/batch", "how-to/open-your-data")
)
MERITS = {
    "rec": 3, "clean": 3, "pred": 3, "latent R2": 3, "cells": 3, "links": 2, "driver": 3, "effect": 3, "drive r": 2,
    "nonzeros": 1, "seconds": 0,
}  # fmt: skip
"""Figures of merit that are shown, with their digits."""
PAPER_SCENARIOS = ("realistic", "distractors", "overlap")
ELSEWHERE = ("motion", "saturating", "brightness")
SHOWN_SCENARIOS = ("clean", "realistic", "distractors", "change", "overlap")
JUDGED = ("rec", "clean", "pred", "latent R2", "cells", "links", "driver", "drive r")


def results(name: str) -> Rows:
    """Lines of one benchmark."""
    return read(stored(name))


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Make a table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def spread(values: list[float], digits: int) -> str:
    """Mean and deviation, of what is there."""
    known = [v for v in values if v is not None and np.isfinite(v)]
    if not known:
        return ""
    return f"{np.mean(known):.{digits}f}" + (f" ± {np.std(known, ddof=1):.{digits}f}" if len(known) > 1 else "")


def of(rows: Rows, scenario: str, variant: str) -> dict[int, dict[str, Any]]:
    """Lines of one scenario and variant, by seed."""
    return {row["seed"]: row for row in rows if (row["scenario"], row["variant"]) == (scenario, variant)}


def ablation(scenario: str) -> str:
    """Table of the variants in one scenario."""
    rows, lines = results("ablation"), []
    for variant in (*VARIANTS, "PCA + VAR", "true footprints"):
        mine = of(rows, scenario, variant).values()
        lines.append([variant, *(spread([r.get(name, np.nan) for r in mine], d) for name, d in MERITS.items())])
    return markdown(["", *MERITS], lines)


EVERYDAY = {
    "latents": "{:.0f}", "seconds": "{:.0f} s", "cpu": "{:.0f} s", "pass": "{:.0f} s", "memory": "{:.1f} GB",
    "cells": "{:.1%}", "links": "{:.3f}", "rec": "{:.3f}", "driver": "{:.1f} s", "effect": "{:.0f} s",
}  # fmt: skip
"""Figures of the everyday recording, and how they are written."""
EVERYDAY_LABELS = ("latents", "time of a fit", "CPU time", "one pass of reading, converting and summing",
                   "peak memory", "cells with a latent (correlation above 0.8 with the true trace)",
                   "links, average precision", "held-out reconstruction", "driver map of the whole VAR",
                   "effect map")  # fmt: skip


def everyday() -> str:
    """Table of the everyday recording: one column a run, in the order of the runs."""
    rows = [row for row in results("everyday") if row["frames"] == 6000]
    lines = [
        [label, *(form.format(row[name]) if name in row else "" for row in rows)]
        for label, (name, form) in zip(EVERYDAY_LABELS, EVERYDAY.items(), strict=True)
    ]
    return markdown(["", *(row["variant"] for row in rows)], lines)


def kills() -> str:
    """Table of trainings that were killed: how far they were, and what came of them."""
    rows = results("kills")
    lines = [
        [had, str(len(mine)), str(sum(row["half"] for row in mine)), str(sum(not row["wrong"] for row in mine))]
        for had in sorted({row["had"] for row in rows})
        for mine in [[row for row in rows if row["had"] == had]]
    ]
    return markdown(["what the killed training had", "kills", "half-written files", "as expected afterwards"], lines)


PAPER = {
    "rec": 3, "pred": 3, "latent error": 3, "R2": 2, "cells": 2, "links": 2, "driver": 2, "drive r": 2, "compact": 2,
    "SNR": 1, "gradient at start": 3, "gradient at end": 3, "seconds": 0,
}  # fmt: skip
"""Figures that are shown of the paper's setting, with their digits."""


def paper(scenario: str) -> str:
    """Table of both networks in the paper's setting."""
    rows, lines = results("paper_setting"), []
    for variant in EVERYTHING:
        mine = of(rows, scenario, variant).values()
        lines.append([variant, *(spread([r.get(name, np.nan) for r in mine], d) for name, d in PAPER.items())])
    return markdown(["", *PAPER], lines)


def timing() -> str:
    """Table of how long comparisons take."""
    lines = [
        [str(row["latents"]), "accounted for" if row["noise"] else "none", str(row["resamples"]),
         f"{row['cpu of a draw']:.3f} s", f"{row['seconds']:.0f} s", f"{row['gigabytes']:.1f} GB"]
        for row in results("timing")
    ]  # fmt: skip
    return markdown(["latents", "noise", "resamples", "CPU time of a draw", "time in all", "peak memory"], lines)


def batch() -> str:
    """Table of a batch: by one worker, by several, and started again."""
    lines = []
    for row in results("batch"):
        worked = row["memory of a worker (MB)"]
        seconds = f"{row['seconds']:.0f} s" if worked else f"{row['seconds']:.1f} s"
        each = [f"{row['seconds per recording']:.1f} s", f"{worked:.0f} MB"] if worked else ["", ""]
        lines.append([row["what"], str(row["workers"]), str(row["recordings"]), seconds, *each])
    return markdown(["", "workers", "recordings", "time", "time per recording", "peak memory of a worker"], lines)


def frame_time() -> str:
    """Table of one frame and a block of frames by each reader, beside a memory map."""
    lines = [
        [
            row["reader"], f"{row['frame (ms)']:.1f} ms", f"{row['frame ratio']:.1f}", f"{row['block (ms)']:.0f} ms",
            f"{row['block ratio']:.1f}",
        ]
        for row in results("frame_time")
    ]  # fmt: skip
    return markdown(
        ["", "a frame in napari", "beside a memory map", "64 frames in training", "beside a memory map"], lines
    )


def larger() -> str:
    """Table of the passes through a movie larger than memory."""
    names = ("plain reading", "reading and converting", "first pass", "second pass")
    rows = results("larger")
    lines = [
        [name, *(f"{row[name]:.1f} s" for row in rows), *(f"{row[f'{name}, cpu']:.1f} s" for row in rows)]
        for name in names
    ]
    lines.append(["peak memory", *(f"{row['memory']:.1f} GB" for row in rows), *([""] * len(rows))])
    sizes = [f"{row['gigabytes']:.0f} GB" for row in rows]
    return markdown(["", *(f"{size}, time" for size in sizes), *(f"{size}, CPU time" for size in sizes)], lines)


def growth() -> str:
    """Table of time and memory of a fit by area and frames."""
    lines = [
        [f"{row['size']} x {row['size']}", str(row["frames"]), str(row["latents"]), f"{row['cpu']:.0f} s",
         f"{row['memory']:.1f} GB"]
        for row in sorted(results("growth"), key=lambda row: (row["size"], row["frames"]))
    ]  # fmt: skip
    return markdown(["pixels", "frames", "latents", "CPU time of a fit", "peak memory"], lines)


def paper_elsewhere() -> str:
    """Table of both networks where the convolutional one might win."""
    rows, lines = results("paper_setting"), []
    figures = {name: digits for name, digits in PAPER.items() if not name.startswith("gradient")}
    for scenario in ELSEWHERE:
        for variant in EVERYTHING:
            mine = of(rows, scenario, variant).values()
            if mine:
                cells = [spread([r.get(name, np.nan) for r in mine], d) for name, d in figures.items()]
                lines.append([scenario, variant, *cells])
    return markdown(["scenario", "", *figures], lines)


def paper_claims() -> str:
    """Paired differences of the paper's claims, for the convolutional network."""
    rows, lines = results("paper_setting"), []
    with_skip, without = "convolutional, skip, ", "convolutional, no skip, "
    for better, worse in (("end_to_end", "two_stage"), ("end_to_end", "stop_gradient"), ("skip", "no skip")):
        for scenario in PAPER_SCENARIOS:
            first, second = (with_skip + better, with_skip + worse) if better != "skip" else (
                with_skip + "end_to_end", without + "end_to_end")  # fmt: skip
            a, b = of(rows, scenario, first), of(rows, scenario, second)
            cells = []
            for name in ("rec", "pred", "latent error", "R2", "links", "driver", "compact", "SNR"):
                x, y = (np.array([part[seed][name] for seed in sorted(a.keys() & b.keys())]) for part in (a, b))
                bold = "**" if (x != y).any() and ttest_rel(x, y).pvalue <= 0.05 else ""
                cells.append(f"{bold}{np.mean(x - y):+.3f}{bold} ({(x > y).sum()}/{len(x)})")
            lines.append([f"{better} − {worse}", scenario, *cells])
    header = ["", "scenario", "rec", "pred", "latent error", "R2", "links", "driver", "compact", "SNR"]
    return markdown(header, lines)


def claims() -> str:
    """Paired differences of each claim."""
    rows, lines = results("ablation"), []
    for better, worse in CLAIMS:
        for scenario in SHOWN_SCENARIOS:
            a, b = of(rows, scenario, better), of(rows, scenario, worse)
            seeds, cells = sorted(a.keys() & b.keys()), []
            for name in JUDGED:
                x, y = (np.array([part[s][name] for s in seeds]) for part in (a, b))
                p = ttest_rel(x, y).pvalue if (x != y).any() else 1.0
                bold = "**" if p <= 0.05 else ""
                cells.append(f"{bold}{np.mean(x - y):+.3f}{bold} ({(x > y).sum()}/{len(x)})")
            lines.append([f"{better} − {worse}", scenario, *cells])
    return markdown(["", "scenario", *JUDGED], lines)


def maps() -> str:
    """Driver map beside its rivals, with the defaults."""
    rows, lines = results("ablation"), []
    for scenario in SHOWN_SCENARIOS:
        mine = of(rows, scenario, "skip, end_to_end").values()
        for name in ("driver", "variance", "correlation", "footprints"):
            own = name == "driver"
            lines.append([
                scenario, f"{name} map",
                spread([r["driver" if own else f"driver by {name}"] for r in mine], 3),
                spread([r["drive r" if own else f"drive r by {name}"] for r in mine], 2),
                spread([r[f"deletion by {name}"] for r in mine], 3),
            ])  # fmt: skip
        lines.append([scenario, "a random tenth", "0.5", "0", spread([r["deletion at random"] for r in mine], 3)])
    return markdown(["scenario", "map", "area under the ROC curve", "correlation", "deletion"], lines)


def recordings() -> str:
    """Table of the variants on the recordings, with PCA."""
    rows, lines = results("recordings"), []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        (pca,) = of(rows, scenario, "PCA").values()
        prediction = max(v for k, v in pca.items() if "prediction" in k)
        reconstruction = next(v for k, v in pca.items() if "reconstruction" in k)
        lines.append([scenario, "PCA + VAR, best order", f"{reconstruction:.4f}", f"{prediction:.4f}", *[""] * 5])
        for variant in VARIANTS:
            mine = of(rows, scenario, variant).values()
            digits = {"rec": 4, "pred": 4, "latent R2": 3, "nonzeros": 1, "epochs": 0}
            cells = (spread([r[n] for r in mine], digits.get(n, 2)) for n in SHOWN_RECORDINGS[:-1])  # without seconds
            lines.append([scenario, variant, *cells])
    return markdown(["", "", *SHOWN_RECORDINGS[:-1]], lines)


def flatness() -> str:
    """How far each figure moves when one setting does."""
    rows = results("flatness")
    standard, lines = of(rows, "realistic", ""), []
    lines.append(["defaults", *(spread([r[n] for r in standard.values()], 3) for n in SHOWN_FLAT)])
    for name, values in MOVES.items():
        for value in values:
            mine, cells = of(rows, "realistic", f"{name} {value}"), []
            for figure in SHOWN_FLAT:
                apart = np.array([mine[s][figure] - standard[s][figure] for s in mine])
                error = apart.std(ddof=1) / np.sqrt(len(apart))
                bold = "**" if abs(apart.mean()) > 3 * error > 0 else ""
                cells.append(f"{bold}{apart.mean():+.3f}{bold}" if np.isfinite(apart).all() else "no links")
            lines.append([f"{name} = {value}", *cells])
    return markdown(["", *SHOWN_FLAT], lines)


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


def calibration() -> str:
    """Rejection rates in percent, of null data sets in each setting."""
    lines, found = [], calibration_results(stored("calibration"))
    groups = [(str(k), "all", "all", [s for s in sorted(found) if s.latents == k]) for k in (16, 64)]
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
            str(row["length"]), f"{row['pairs per predictor of a half']:.1f}", str(row["sets"]),
            f"{100 * row['ranges'] / row['sets']:.0f}",
            f"{100 * row['halves'] / row['sets']:.0f} ({100 * low:.0f} to {100 * high:.0f})",
            f"{100 * row['ranges, not halves'] / row['sets']:.0f}",
        ])  # fmt: skip
    return markdown(
        ["frames in a range", "lag pairs for each predictor in a half", "sets", "A and B differ",
         "halves of A or B differ", "A and B differ, halves do not"], lines
    )  # fmt: skip


VERDICTS = ("differ", "no difference found", "cannot be decided")
PARTS = ("noise", "power", "pairs")
"""Parts of the benchmark of the verdict that have a table."""


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


def choice() -> str:
    """Held-out prediction of the recordings by number of latents and order."""
    lines, orders = [], [1, 2, 3, 4]
    for found in results("choice"):
        cells = {(row["latents"], row["order"]): row for row in found["rows"]}
        suggested = found["suggested"]["latents"], found["suggested"]["order"]
        for i, k in enumerate(sorted({latents for latents, _ in cells})):
            known = [cells.get((k, p)) for p in orders]
            values = ["" if row is None else f"{100 * row['prediction_fve']:.2f}" for row in known]
            values = [f"**{v}**" if (k, p) == suggested else v for v, p in zip(values, orders, strict=True)]
            automatic = " (automatic)" if k == found["automatic"] else ""
            reconstruction = f"{100 * cells[k, 1]['reconstruction_fve']:.2f}"
            lines.append(["" if i else f"`{found['movie']}`", f"{k}{automatic}", reconstruction, *values])
    return markdown(["recording", "latents", "reconstruction", *(f"order {p}" for p in orders)], lines)


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


TABLES: dict[str, Callable[[], str]] = {
    **{f"ablation {name}": lambda name=name: ablation(name) for name in SHOWN_SCENARIOS},
    **{f"paper {name}": lambda name=name: paper(name) for name in PAPER_SCENARIOS},
    "everyday": everyday, "kills": kills, "paper claims": paper_claims,
    "frame time": frame_time,
    "timing": timing, "batch": batch, "growth": growth, "larger": larger, "paper elsewhere": paper_elsewhere,
    "claims": claims, "maps": maps, "recordings": recordings, "flatness": flatness, "pipeline": pipeline,
    "pipeline found": pipeline_found, "calibration": calibration, "labels": labels, "halves": halves,
    "near_collinear": near_collinear,
    **{f"verdicts {part}": lambda part=part: verdicts(part) for part in PARTS},
    "choice": choice,
}  # fmt: skip


def pictures() -> None:
    """Draw static image, true drive, driver map and variance image of two scenarios, side by side."""
    from PIL import Image

    import napari_varae as nv
    from napari_varae.core.simulation.settings import SCENARIOS

    lines = []
    for scenario in ("realistic", "distractors"):
        sim = nv.simulate(SCENARIOS[scenario])
        train = (0, sim.config.frames * 4 // 5)
        fit = nv.fit(sim.stack, nv.FitConfig(latents=32, frames=train))
        drive = nv.contribution_map(fit, sim.stack, "driver", frames=train)
        variance = rival_maps(fit, sim.stack, train)["variance"].reshape(fit.shape)
        driving = np.where(places(sim, sim.drivers).reshape(fit.shape), 1.0, 0.3) * fit.static
        tiles = (fit.static, sim.stack.read(700, 701)[0], driving, true_drive(sim).reshape(fit.shape), drive, variance)
        lines.append(np.concatenate([_grey(tile) for tile in tiles], axis=1))
    Image.fromarray(np.concatenate(lines)).save(DOCS / "images" / "drivers.png", optimize=True)


def _grey(image: np.ndarray, size: int = 220, edge: int = 4) -> np.ndarray:
    """Show an image between its 1st and 99.5th percentile, enlarged."""
    from PIL import Image

    low, high = np.percentile(image, [1, 99.5])
    shade = np.uint8(255 * ((image - low) / max(high - low, 1e-12)).clip(0, 1))
    return np.pad(np.asarray(Image.fromarray(shade).resize((size, size), Image.Resampling.NEAREST)), edge)


def filled(page: str) -> str:
    """Return a page with its tables made from the stored results."""
    return re.sub(
        r"(<!-- table (.+?) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    """Fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", action="store_true", help="draw the pictures again, which takes a minute")
    parser.add_argument("--check", action="store_true", help="only report pages that differ; status 1 if any does")
    options = parser.parse_args()
    old = [page for page in PAGES if page.read_text(encoding="utf-8") != filled(page.read_text(encoding="utf-8"))]
    if options.check:
        sys.exit("".join(f"{page.name} differs from the stored results; run `make results`.\n" for page in old) or 0)
    for page in old:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    if options.pictures:
        pictures()


if __name__ == "__main__":
    main()
