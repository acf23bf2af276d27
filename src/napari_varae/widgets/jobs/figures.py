"""Figures of what a dock shows: offered beside its '?', drawn and written in the background."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_varae.figures.paper import ENDINGS, save_figure
from napari_varae.session.job_events import Controls
from napari_varae.widgets.jobs.background import Background, Report
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.text import in_words, literal, report_done, report_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Draw", "FigurePanel"]

Draw = Callable[[], "Figure"]
"""Draws a figure of values that were taken before; it runs in a thread."""
NOTHING = "nothing to draw yet"
TIP = "Save what this dock shows as a figure on white, as SVG or PNG"


class FigurePanel(Panel):
    """A dock of which figures can be saved."""

    def figures(self) -> Mapping[str, Draw]:
        """Return what can be drawn now, by names for the menu and the file."""
        raise NotImplementedError

    def tools(self) -> tuple[QWidget, ...]:
        """Return the button that saves a figure."""
        self.figure_button = QToolButton()
        self.figure_button.setText("Figure…")
        self.figure_button.setToolTip(TIP)
        self.figure_button.setAccessibleName("Save figure")
        self.figure_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.figure_button.setStyleSheet(
            "QToolButton { padding: 0 5px; border: 1px solid gray; border-radius: 7px; }"
            "QToolButton::menu-indicator { image: none; }"
        )
        self.figure_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(self.figure_button)
        menu.aboutToShow.connect(partial(self._fill_figures, menu))
        self.figure_button.setMenu(menu)
        return (self.figure_button,)

    def save_figure(self, name: str, path: str) -> None:
        """Draw one of the figures and write it, in the background; what went wrong is reported in words."""
        draw = self.figures()[name]
        _Saving(self, partial(_save, draw, path), on_return=_saved).start()

    def _fill_figures(self, menu: QMenu) -> None:
        menu.clear()
        for name in self.figures():
            menu.addAction(literal(f"{name[:1].upper()}{name[1:]}…"), partial(self._ask_figure, name))
        if menu.isEmpty():
            menu.addAction(NOTHING).setEnabled(False)

    def _ask_figure(self, name: str) -> None:
        """Let the user choose a file, and write the figure."""
        with in_words():
            if path := ask_path(self, f"Save the figure: {name}", self._file_name(name) + ENDINGS[0], ENDINGS):
                self.save_figure(name, path)

    def _file_name(self, name: str) -> str:
        """Name of the movie and of the figure, of what any file system takes."""
        movie = "" if self.session.stack is None else f"{Path(self.session.stack.name).stem} "
        return re.sub(r"[^\w ,.-]+", "_", movie + name)


class _Saving(Background):
    """A figure that is written; unlike other silent work it reports what went wrong."""

    def _errored(self, error: Exception) -> None:
        report_error(f"The figure was not saved. {error}")


def _save(draw: Draw, path: str, _controls: Controls, _report: Report) -> Generator[None, None, Path]:
    yield
    return save_figure(draw(), path)


def _saved(path: Path) -> None:
    report_done(f"The figure was saved as {path}.")
