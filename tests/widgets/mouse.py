"""Where a mouse has to go: what the tests of the plots share."""

from qtpy.QtCore import QPoint


def place(plot, x, y):
    """Where a point of a plot is on the widget."""
    view = plot.getViewBox()
    at = plot.mapFromScene(view.mapViewToScene(view.viewRect().center().__class__(x, y)))
    return QPoint(round(at.x()), round(at.y()))
