"""What every dock does: the wheel scrolls it, every control has a name, the keyboard reaches every control."""

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
)

from napari_varae.widgets.workspace import DOCKS


def turn_wheel(widget):
    """Turn the wheel over a widget; return whether the widget keeps it. Qt gives the dock what is not kept."""
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place, QPointF(widget.mapToGlobal(place.toPoint())), QPoint(0, -120), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_scrolls_the_dock_and_not_what_is_under_the_pointer(viewer, docks, trained, qtbot):
    viewer.window._qt_window.show()
    viewer.window._qt_window.activateWindow()
    for name in ("Train", "Movie", "Compare"):
        docks[name].parentWidget().raise_()
        qtbot.waitUntil(docks[name].isVisible)
        choices = [box for box in docks[name].findChildren(QComboBox) if box.isVisible() and not box.hasFocus()]
        assert choices
        for box in choices:
            index = box.currentIndex()
            assert not turn_wheel(box)
            assert box.currentIndex() == index
    table = docks["Compare"].results.table
    docks["Compare"].results.show()
    table.setRowCount(200)
    assert not turn_wheel(table.viewport())
    assert table.verticalScrollBar().value() == 0


@pytest.mark.parametrize("name", DOCKS)
def test_every_control_has_a_name(docks, name):
    nameless = []
    for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QTableWidget):
        for control in docks[name].findChildren(kind):
            inner = isinstance(control.parent(), (QAbstractSpinBox, QComboBox, QTableWidget))
            labelled = any(label.buddy() is control for label in docks[name].findChildren(QLabel))
            text = control.text() if isinstance(control, QAbstractButton) else ""
            if (
                not (inner or labelled or text or control.accessibleName())
                and control.focusPolicy() & Qt.FocusPolicy.TabFocus
            ):
                nameless.append(f"{type(control).__name__} {control.toolTip()[:40]!r}")
    assert not nameless


@pytest.mark.parametrize("name", DOCKS)
def test_the_keyboard_reaches_every_button(docks, name):
    buttons = [found for found in docks[name].findChildren(QPushButton) if found.text()]
    assert buttons
    assert all(button.focusPolicy() & Qt.FocusPolicy.TabFocus for button in buttons)


def test_a_covered_dock_shows_nothing_new_until_it_is_in_view(make_napari_viewer, qtbot, stack):
    from napari_varae.session.session import session_of
    from napari_varae.viewer.movie import open_movie
    from napari_varae.widgets.parts.state_strip import StateStrip
    from napari_varae.widgets.workspace import open_workspace

    viewer = make_napari_viewer(show=True)
    docks, session = open_workspace(viewer), session_of(viewer)
    movie, links = (docks[name].findChild(StateStrip) for name in ("Movie", "Links"))
    qtbot.waitUntil(lambda: docks["Links"]._covered and not docks["Movie"]._covered)
    open_movie(viewer, stack)
    controls = session.begin("computing", "A job")
    assert (movie.job.text.text(), movie.lines[0].text()) == ("A job", session.movie_text)
    assert links.job.text.text() == "none running"
    docks["Links"].parentWidget().raise_()
    qtbot.waitUntil(lambda: not docks["Links"]._covered)
    assert (links.job.text.text(), links.lines[0].text()) == ("A job", session.movie_text)
    session.end(controls)
    assert links.job.text.text() == "none running"
