"""The whole journey through the real window, on the simulated sample and on a real recording."""

import json

import numpy as np
import pytest
import tifffile

import napari_varae as nv
from napari_varae.demo import run_demo


def check_output(folder, shape):
    for step in ("1-movie", "2-training", "3-reconstruction", "4-driver-map", "5-comparison"):
        assert (folder / f"{step}.png").stat().st_size > 20_000, step
    for kind in ("driver", "effect"):
        image = tifffile.imread(folder / f"{kind}-map.tif")
        assert image.shape == shape
        assert np.isfinite(image).all()
        assert image.std() > 0
    result = json.loads((folder / "comparison.json").read_text())
    assert 0 < result["p_value"] <= 1
    assert len((folder / "comparison.csv").read_text().splitlines()) > 1
    return nv.load_fit(folder / "fit.varae")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_sample_agrees_with_its_truth(qtbot, tmp_path, capsys):
    assert run_demo(None, tmp_path, keep_open=False, epochs=2) == 0, capsys.readouterr().out
    check_output(tmp_path, (80, 80))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["checks"]
    assert all(summary["checks"].values())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_real_recording(qtbot, tmp_path, recordings):
    movie = recordings / "mouse_somata_2p.tif"
    assert run_demo(str(movie), tmp_path, keep_open=False, epochs=2) == 0
    fit = check_output(tmp_path, (128, 128))
    stack = nv.open_stack(movie)
    seen, drawn = stack.read(0, 200).mean(0), fit.reconstruct(stack, frames=(0, 200)).mean(0)

    def alike(image):
        return np.corrcoef(image.ravel(), seen.ravel())[0, 1]

    # These frames look different from the static image; the reconstruction follows them.
    assert alike(drawn) > 0.98
    assert alike(drawn) > alike(fit.static) + 0.02
