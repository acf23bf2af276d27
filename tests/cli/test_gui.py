"""The command `gui` opens the window to what an analysis folder holds."""

import napari
import numpy as np
import pytest

import napari_varae as nv
from napari_varae.cli import app
from napari_varae.session.session import session_of


@pytest.fixture
def opened(qtbot, monkeypatch):
    """What the window holds when it is shown; then it closes."""
    seen = {}

    def look():
        viewer = napari.current_viewer()
        session = session_of(viewer)
        seen.update(fit=session.fit, latents=session.latents, stack=session.stack, layers=len(viewer.layers))
        viewer.close()

    monkeypatch.setattr(napari, "run", look)
    return seen


@pytest.mark.long
def test_an_analysis_opens_with_its_fit(trained, opened):
    app.app(["gui", str(trained)], standalone_mode=False)
    analysis = nv.open_analysis(trained)
    assert opened["fit"].id == analysis.fit.id
    assert opened["stack"].frame_rate == 10.0
    np.testing.assert_array_equal(opened["latents"], analysis.latents)


def test_a_moved_movie_ends_it_before_a_window_opens(trained, tmp_path, run):
    folder = tmp_path / "copy"
    folder.mkdir()
    record = (trained / "analysis.toml").read_text(encoding="utf-8")
    (folder / "analysis.toml").write_text(record.replace("movie.tif", "gone.tif"), encoding="utf-8")
    status, _, err = run("gui", folder)
    assert status == 1
    assert "moved or deleted" in err
