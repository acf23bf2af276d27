"""One draw of a window for all that changes at about the same time."""

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QGraphicsScene, QGraphicsView, QLabel, QVBoxLayout, QWidget

from napari_varae.widgets.parts.one_draw import WAIT_MS, draw_once


class Window(QWidget):
    """Counts how often it is drawn."""

    draws = 0

    def __init__(self) -> None:
        super().__init__()
        self.text, self.items, layout = QLabel("short"), [], QVBoxLayout(self)
        layout.addWidget(self.text)
        for _ in range(2):
            plot = QGraphicsView(QGraphicsScene(self))
            self.items.append(plot.scene().addRect(0, 0, 20, 20))
            layout.addWidget(plot)

    def event(self, event):
        self.draws += event.type() == QEvent.Type.UpdateRequest
        return super().event(event)

    def change(self):
        """Change plots and text, and with the text the layout."""
        for item in self.items:
            item.moveBy(1, 0)
        self.text.setText(self.text.text() + "\nlonger")


@pytest.fixture
def window(qtbot):
    window = Window()
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    qtbot.wait(100)
    return window


def draws(window, qtbot):
    before = window.draws
    window.change()
    qtbot.wait(10 * WAIT_MS)
    return window.draws - before


def test_plots_text_and_layout_are_drawn_at_once(window, qtbot):
    assert draws(window, qtbot) > 1  # as Qt does it
    draw_once(window)
    assert draws(window, qtbot) == 1


def test_it_is_done_once_for_a_window(window, qtbot):
    draw_once(window)
    known = window.children()
    draw_once(window)
    assert window.children() == known


def test_a_window_is_not_taken_for_one_inside_it(window, qtbot):
    """A dock that was a window of its own before it came into the main window."""
    draw_once(window)
    outer = QWidget()
    qtbot.addWidget(outer)
    QVBoxLayout(outer).addWidget(window)
    known = len(outer.children())
    draw_once(outer)
    assert len(outer.children()) == known + 1
    window.setParent(None)


def test_what_changes_all_the_time_is_drawn_meanwhile(window, qtbot):
    draw_once(window)
    before = window.draws
    for _ in range(20):
        window.text.setText(f"{window.text.text()}.")
        qtbot.wait(WAIT_MS // 2)
    assert 3 <= window.draws - before <= 20
