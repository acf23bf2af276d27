"""Movies of different sizes opened in any order, with any of our layers on: nothing crashes.

In processes of their own, as what this guards against is the end of the process.
"""

import subprocess
import sys
from textwrap import dedent

import pytest

SCRIPT = """
    import random
    import sys
    from dataclasses import replace
    from pathlib import Path

    import napari
    import numpy as np
    import tifffile
    from qtpy.QtWidgets import QApplication

    from napari_varae.core.comparison.compare import compare
    from napari_varae.core.settings import ComparisonConfig, FitConfig
    from napari_varae.core.training.train import fit as train
    from napari_varae.io import open_stack
    from napari_varae.io.cells import open_cells
    from napari_varae.session.session import session_of
    from napari_varae.viewer.provenance import ours
    from napari_varae.widgets.jobs import maps
    from napari_varae.widgets.workspace import open_workspace

    SHAPES = [(100, 32, 32), (100, 24, 40), (120, 48, 24)]
    A, B = [(0, 45)], [(50, 95)]
    folder, (openings, most, seed) = Path(sys.argv[1]), map(int, sys.argv[2:])
    rng, order = np.random.default_rng(seed), random.Random(seed)
    movies, fits, cells, compared = [], [], [], []
    for shape in SHAPES:
        movies.append(folder / f"{shape[1]} x {shape[2]}.tif")
        frames = rng.normal(size=shape)
        for t in range(50, len(frames)):
            frames[t] += 0.9 * frames[t - 1]  # other dynamics than before
        tifffile.imwrite(movies[-1], (500 + 50 * frames).clip(0).astype(np.uint16))
        stack = open_stack(movies[-1])
        fits.append(train(stack, FitConfig(latents=4, epochs=0, sparsity="fixed", penalty=0.0)))
        labels = np.zeros(shape[1:], dtype=np.uint16)
        labels[4:9, 4:9], labels[12:17, 12:17] = 1, 2
        tifffile.imwrite(folder / "cells.tif", labels)
        cells.append(open_cells(str(folder / "cells.tif"), shape[1:]))
        config = ComparisonConfig(resamples=99)
        compared.append(compare(fits[-1], stack, A, B, config))

    viewer = napari.Viewer()
    viewer.window.resize(700, 500)
    panels, session = open_workspace(viewer), session_of(viewer)
    look = panels["Look"]

    def wait():
        while session.job != "idle":
            QApplication.processEvents()
        QApplication.processEvents()

    def show(subject, span):
        look.subject.setCurrentIndex(look.subject.findData(subject))
        look.span.setCurrentIndex(look.span.findData(span))
        look.show_map()
        wait()

    def pick():
        session.pick_edge(session.drawn_edges()[-1][0])
        wait()

    ACTIONS = {
        **{view: box.click for view, box in look.views.items()},
        "driver map": lambda: show("whole", "all"),
        "each frame": lambda: show("latent", "frame"),
        "A beside B": lambda: show("whole", "a|b"),
        "side by side": look.beside.click,
        "arrows": lambda: session.set_graph(replace(session.graph, shown=True)),
        "outlines": lambda: session.set_graph(replace(session.graph, outlines=True)),
        "link": pick,
        "cells": lambda: session.use_cells(cells[which]),
        "difference": lambda: (maps.show_difference(panels["Compare"], compared[which]), wait()),
    }
    seen = set()
    mine = viewer.add_image(rng.random((50, 20, 20)), name="mine")
    which = -1
    for i in range(openings):
        which = order.choice([other for other in range(len(SHAPES)) if other != which])
        panels["Movie"].open(str(movies[which]))
        wait()
        assert session.stack.shape == SHAPES[which]
        assert [layer.name for layer in viewer.layers] == ["mine", movies[which].name], list(viewer.layers)
        assert mine.visible
        session.use_fit(fits[which], fits[which].encode(session.stack))
        session.set_frame_sets({"A": A, "B": B})
        chosen = order.sample(sorted(ACTIONS), order.randint(3, most))
        print(which, chosen, flush=True)  # of use after a crash
        for name in chosen:
            ACTIONS[name]()
        seen |= set(chosen)
        viewer.dims.set_current_step(0, i % 50)
        QApplication.processEvents()
        kinds = {what.kind.split(":")[0] for _, what in ours(viewer)}
        assert {"map"} & kinds or not {"driver map", "link", "difference"} & set(chosen), kinds
    assert mine in viewer.layers
    viewer.close()
    print("openings", openings, "without", sorted(set(ACTIONS) - seen))
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("openings", "most", "seed"),
    [(3, 4, 0), *(pytest.param(*case, marks=pytest.mark.long) for case in ((8, 13, 1), (8, 13, 2), (12, 5, 3)))],
)
def test_no_opening_crashes(openings, most, seed, tmp_path):
    """Of `most` layers at a time."""
    script = tmp_path / "script.py"
    script.write_text(dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), str(tmp_path), str(openings), str(most), str(seed)],
        capture_output=True, text=True, timeout=560, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"openings {openings} without" in done.stdout, done.stdout
    assert most < 13 or "without []" in done.stdout, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
