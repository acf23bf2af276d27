"""Figures in files: whole, as SVG or PNG, or an error in words."""

from pathlib import Path

import pytest
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QGraphicsScene, QGraphicsView

from napari_varae.widgets.parts.figure import SCALE, save_figure


@pytest.fixture
def view(qtbot) -> QGraphicsView:
    view = QGraphicsView(QGraphicsScene(0, 0, 80, 40))
    view.scene().setParent(view)
    view.scene().addText("null")
    view.resize(100, 60)
    qtbot.addWidget(view)
    return view


def test_a_figure_is_an_svg_or_an_image_of_four_times_its_size(view, tmp_path: Path):
    save_figure(view, str(tmp_path / "null.svg"))
    assert "<svg" in (tmp_path / "null.svg").read_text()
    save_figure(view, str(tmp_path / "null.PNG"))
    image = QImage(str(tmp_path / "null.PNG"))
    assert (image.width(), image.height()) == (100 * SCALE, 60 * SCALE)


def test_what_cannot_be_drawn_leaves_the_previous_file(view, tmp_path: Path):
    path = tmp_path / "null.docx"
    path.write_text("previous")
    with pytest.raises(OSError, match=r"as docx\. Choose \.svg or \.png"):
        save_figure(view, str(path))
    with pytest.raises(OSError, match="could not be written"):
        save_figure(view, str(tmp_path / "missing" / "null.svg"))
    assert path.read_text() == "previous"
    assert [p.name for p in tmp_path.iterdir()] == ["null.docx"]
