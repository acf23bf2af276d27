"""Tables of fits: on simulated recordings, on real ones, at everyday size, and larger than memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import ttest_rel

from benchmarks.tables import markdown, of, results, spread
from benchmarks.training.ablation import CLAIMS, VARIANTS
from benchmarks.training.ablation_recordings import SHOWN as SHOWN_RECORDINGS
from benchmarks.training.flatness import MOVES
from benchmarks.training.flatness import SHOWN as SHOWN_FLAT

MERITS = {
    "rec": 3, "clean": 3, "pred": 3, "latent R2": 3, "cells": 3, "links": 2, "driver": 3, "effect": 3, "drive r": 2,
    "nonzeros": 1, "seconds": 0,
}  # fmt: skip
"""Figures of merit that are shown, with their digits."""
NUMBERS = {"mouse_somata_2p": "64"}
"""Numbers of latents of recordings, where they are not 32."""
AUTOMATIC = {"rec": 3, "pred": 3, "latent R2": 3, "cells": 3, "links": 2, "driver": 3, "drive r": 2, "same links": 2}
"""Figures of automatic numbers of latents, with their digits."""
SHOWN_SCENARIOS = ("clean", "realistic", "distractors", "change", "overlap")
JUDGED = ("rec", "clean", "pred", "latent R2", "cells", "links", "driver", "drive r")
EVERYDAY = {
    "latents": "{:.0f}", "seconds": "{:.0f} s", "cpu": "{:.0f} s", "pass": "{:.1f} s",
    "plain pass": "{:.1f} s", "memory": "{:.1f} GB", "cells": "{:.1%}", "links": "{:.3f}",
    "rec": "{:.3f}", "driver": "{:.1f} s", "effect": "{:.0f} s",
}  # fmt: skip
"""Figures of the everyday recording, and how they are written."""
EVERYDAY_LABELS = ("latents", "time of a fit", "CPU time", "one pass of reading, converting and summing",
                   "one pass by numpy, which bins by four in time as well",
                   "peak memory", "cells with a latent (correlation above 0.8 with the true trace)",
                   "links, average precision", "held-out reconstruction", "driver map of the whole VAR",
                   "effect map")  # fmt: skip


def automatic() -> str:
    """Table of automatic numbers of latents, beside fits with a number and PCA."""
    rows, fixed, lines = results("automatic"), results("ablation") + results("recordings"), []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = of(rows, scenario, "automatic").values()
        rival = of(rows, scenario, "PCA + VAR").values()
        latents = sorted({int(row["latents"]) for row in mine})
        number = str(latents[0]) if len(latents) == 1 else f"{latents[0]} to {latents[-1]}"
        others = [row for row in fixed if row["scenario"].split(",")[0] == scenario]
        beside = {
            f"{number} (automatic)": mine,
            NUMBERS.get(scenario, "32"): [row for row in others if row["variant"] == "skip, end_to_end"],
            **{f"PCA-{row['latents']} + VAR": [row] for row in rival},
            "true footprints": [row for row in others if row["variant"] == "true footprints"],
        }
        for name, some in beside.items():
            if some:
                cells = [spread([row.get(f, np.nan) for row in some], d) for f, d in AUTOMATIC.items()]
                lines.append([scenario, name, *cells])
    return markdown(["", "latents", *AUTOMATIC], lines)


def ablation(scenario: str) -> str:
    """Table of the variants in one scenario."""
    rows, lines = results("ablation"), []
    for variant in (*VARIANTS, "PCA + VAR", "true footprints"):
        mine = of(rows, scenario, variant).values()
        lines.append([variant, *(spread([r.get(name, np.nan) for r in mine], d) for name, d in MERITS.items())])
    return markdown(["", *MERITS], lines)


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
            reconstruction = f"{100 * cells[k, 1]['reconstruction_fve']:.2f}"
            lines.append(["" if i else f"`{found['movie']}`", str(k), reconstruction, *values])
        automatic = found["automatic"]
        values = [automatic["prediction_fve"].get(str(p)) for p in orders]
        values = ["" if value is None else f"{100 * value:.2f}" for value in values]
        lines.append(["", f"`auto`: {automatic['latents']}", f"{100 * automatic['reconstruction_fve']:.2f}", *values])
    return markdown(["recording", "latents", "reconstruction", *(f"order {p}" for p in orders)], lines)


def everyday() -> str:
    """Table of the everyday recording: one column a run, in the order of the runs."""
    rows = [row for row in results("everyday") if row["frames"] == 6000]
    lines = [
        [label, *(form.format(row[name]) if name in row else "" for row in rows)]
        for label, (name, form) in zip(EVERYDAY_LABELS, EVERYDAY.items(), strict=True)
    ]
    for phase in ("compressing", "projecting", "finding places"):
        left = ["{:.0f} s, {:.0f} s".format(*row["left"][phase]) if "left" in row else "" for row in rows]
        lines.append([f"time left when *{phase}* begins: estimated, real", *left])
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


def growth() -> str:
    """Table of time and memory of a fit by area and frames."""
    lines = [
        [f"{row['size']} x {row['size']}", str(row["frames"]), str(row["latents"]), f"{row['seconds']:.0f} s",
         f"{row['memory']:.1f} GB", f"{row['estimated memory']:.1f} GB"]
        for row in sorted(results("growth"), key=lambda row: (row["size"], row["frames"]))
    ]  # fmt: skip
    return markdown(["pixels", "frames", "latents", "time of a fit", "peak memory", "estimated"], lines)


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


TABLES: dict[str, Callable[[], str]] = {
    **{f"ablation {name}": lambda name=name: ablation(name) for name in SHOWN_SCENARIOS},
    "claims": claims, "maps": maps, "recordings": recordings, "flatness": flatness, "choice": choice,
    "automatic": automatic, "everyday": everyday, "kills": kills, "growth": growth, "larger": larger,
}  # fmt: skip
