"""Figures of the docks: offered where there is something, drawn in the background, errors in words."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from napari_varae.viewer.maps import show_map
from napari_varae.widgets.jobs.background import _running

PATIENCE = 30_000


@pytest.fixture
def offered(docks):
    """What the menu of a dock offers."""

    def offer(name):
        menu = docks[name].figure_button.menu()
        menu.aboutToShow.emit()
        return [action.text() for action in menu.actions() if action.isEnabled()]

    return offer


def words(path):
    return {"".join(text.itertext()) for text in ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.long
def test_every_dock_saves_what_it_shows(viewer, docks, session, trained, stack, qtbot, notices, offered, tmp_path):
    assert offered("Look") == []
    image = np.random.default_rng(0).normal(size=stack.shape[1:]).astype(np.float32)
    for name in ("one", "two"):
        show_map(viewer, stack, trained, image, name, "what it is", "driver", unit="SD")
    session.set_range("a", (10, 60))
    docks["Time"].show_rows("raster", True)
    docks["Trajectory"].beside.setChecked(True)
    assert offered("Look") == ["Maps side by side…", "One…", "Two…"]
    wanted = {
        "Look": ("maps side by side", {"one", "two", "SD"}),
        "Time": ("traces", {"latent 0", "A", "Latents"}),
        "Trajectory": ("trajectory", {"PC 1", "A", "B"}),
    }
    for dock, (name, _) in wanted.items():
        docks[dock].save_figure(name, str(tmp_path / f"{dock}.svg"))
    docks["Look"].save_figure("one", str(tmp_path / "one.png"))
    qtbot.waitUntil(lambda: not _running, timeout=4 * PATIENCE)
    for dock, (_, texts) in wanted.items():
        assert texts <= words(tmp_path / f"{dock}.svg"), dock
    with Image.open(tmp_path / "one.png") as written:
        assert written.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert len([notice for notice in notices if notice.startswith("info: The figure was saved as")]) == 4


@pytest.mark.long
def test_a_figure_that_cannot_be_written_is_reported_and_the_next_one_is_drawn(
    docks, trained, idle, notices, monkeypatch, tmp_path
):
    docks["Links"].save_figure("coefficients", str(tmp_path / "missing" / "a.svg"))
    idle()
    assert notices[-1].startswith("error: The figure was not saved. ")
    assert "Choose another folder" in notices[-1]
    asked = []

    def ask(parent, title, name, kinds):
        asked.append(name)
        return str(tmp_path / "matrix"), ""

    monkeypatch.setattr("napari_varae.widgets.parts.files.QFileDialog.getSaveFileName", ask)
    docks["Links"]._ask_figure("coefficients")
    idle()
    assert asked == ["simulated recording coefficients.svg"]
    assert (tmp_path / "matrix.svg").exists()
