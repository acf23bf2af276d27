"""Movies of different sizes opened one after the other, with every combination of our layers on: nothing crashes.

In processes of their own, as what this guards against is the end of the process.
"""

import subprocess
import sys
from textwrap import dedent

import pytest

SCRIPT = """
    import sys
    from pathlib import Path

    import napari
    import numpy as np
    import tifffile
    from qtpy.QtWidgets import QApplication

    from napari_varae.core.settings import FitConfig
    from napari_varae.core.training.train import fit as train
    from napari_varae.io import open_stack
    from napari_varae.session.session import session_of
    from napari_varae.widgets.workspace import open_workspace

    SHAPES = [(60, 32, 32), (40, 24, 40), (80, 48, 24)]
    folder, openings = Path(sys.argv[1]), int(sys.argv[2])
    rng, movies, fits = np.random.default_rng(0), [], []
    for shape in SHAPES:
        movies.append(folder / f"{shape[1]} x {shape[2]}.tif")
        tifffile.imwrite(movies[-1], rng.integers(0, 1000, shape, dtype=np.uint16))
        fits.append(train(open_stack(movies[-1]), FitConfig(latents=4, epochs=0)))

    viewer = napari.Viewer()
    viewer.window.resize(900, 700)
    panels, session = open_workspace(viewer), session_of(viewer)

    def wait():
        while session.job != "idle":
            QApplication.processEvents()
        QApplication.processEvents()

    mine = viewer.add_image(rng.random((50, 20, 20)), name="mine")
    for i in range(50 - openings, 50):  # the last ones have several layers each
        which = i % len(SHAPES)
        panels["Movie"].open(str(movies[which]))
        wait()
        assert session.stack.shape == SHAPES[which]
        assert [layer.name for layer in viewer.layers] == ["mine", movies[which].name], list(viewer.layers)
        session.use_fit(fits[which], fits[which].encode(session.stack))
        for bit, box in enumerate(panels["Look"].views.values()):
            if i >> bit & 1:
                box.click()
        if i >> 4 & 1:
            panels["Look"].show_map()
            wait()
        viewer.dims.set_current_step(0, i)
        QApplication.processEvents()
    assert mine in viewer.layers
    viewer.close()
    print("openings", openings)
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("openings", [6, pytest.param(50, marks=pytest.mark.long)])
def test_no_opening_crashes(openings, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), str(tmp_path), str(openings)],
        capture_output=True, text=True, timeout=560, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"openings {openings}" in done.stdout
    assert "Traceback" not in done.stderr, done.stderr
