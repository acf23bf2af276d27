"""Fill the tables and pictures of the docs from the results that the benchmarks have stored.

    python -m benchmarks.pages [--check] [--pictures]

Between `<!-- table NAME -->` and `<!-- end -->` a page gets the table of that name, made from `benchmarks/results/` by
the `tables.py` of a room.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from benchmarks.comparison import tables as comparison
from benchmarks.headless import tables as headless
from benchmarks.io import tables as io
from benchmarks.lasso import tables as lasso
from benchmarks.training import paper_tables
from benchmarks.training import tables as training
from benchmarks.training.ablation import places, rival_maps, true_drive
from benchmarks.widgets import tables as widgets

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = tuple(
    DOCS / f"{name}.md" for name in ("results", "paper", "statistics", "lasso", "how-to/batch", "how-to/open-your-data")
)
ROOMS = (training, paper_tables, comparison, lasso, io, headless, widgets)
TABLES = {name: make for room in ROOMS for name, make in room.TABLES.items()}


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
