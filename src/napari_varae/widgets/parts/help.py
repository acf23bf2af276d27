"""Help for a dock: its page of the documentation, in a window of its own. The pages come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QImage
from qtpy.QtWidgets import QTextBrowser, QToolButton

from napari_varae.widgets.parts.text import report_error

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["PAGES", "HelpPage", "find_page", "help_button"]

PAGES = {
    "Movie": "how-to/open-your-data.md",
    "Cells": "how-to/cells-trials-behaviour.md",
    "Behaviour": "how-to/cells-trials-behaviour.md",
    "Train": "how-to/train.md",
    "Look": "how-to/read-a-map.md",
    "Links": "how-to/follow-links.md",
    "Trajectory": "how-to/select-frames.md",
    "Compare": "how-to/compare-two-conditions.md",
    "Time": "how-to/select-frames.md",
}
"""Page of each dock, below the folder of the documentation."""
WIDTH, HEIGHT, PICTURE = 720, 620, 660
SMOOTH = Qt.TransformationMode.SmoothTransformation


class HelpPage(QTextBrowser):
    """A page of the documentation; links to other pages are followed, others open in the web browser."""

    def __init__(self, panel: Panel, page: Path) -> None:
        super().__init__(panel)
        self.page = page
        self.setWindowFlags(Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{panel.dock}: help")
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow)
        self.resize(WIDTH, HEIGHT)
        self.show_page(page)

    def show_page(self, page: Path) -> None:
        """Show a page; pictures are found beside it."""
        self.page = page
        self.setSearchPaths([str(page.parent)])
        self.setMarkdown(page.read_text(encoding="utf-8"))
        self.setWindowTitle(next((line for line in self.toPlainText().splitlines() if line), self.windowTitle()))

    def loadResource(self, kind: int, url: QUrl) -> Any:
        """Load a picture no wider than the page."""
        found = super().loadResource(kind, url)
        path = self.page.parent / url.path()
        if path.suffix == ".png" and path.is_file():
            image = QImage(str(path))
            return image.scaledToWidth(PICTURE, SMOOTH) if image.width() > PICTURE else image
        return found

    def _follow(self, url: QUrl) -> None:
        if url.scheme():
            QDesktopServices.openUrl(url)
            return
        target = (self.page.parent / url.path()).resolve()
        if url.path().endswith(".md") and target.is_file():
            self.show_page(target)


def find_page(name: str) -> Path | None:
    """Return where a page lies: in the package, or in the folder of the project that it is developed in."""
    package = Path(str(files("napari_varae")))
    candidates = (package / "help" / name, package.parents[1] / "docs" / name)
    return next((path for path in candidates if path.is_file()), None)


def help_button(panel: Panel) -> QToolButton:
    """Make the button that opens the page of a dock."""
    made = QToolButton()
    made.setText("?")
    made.setToolTip(f"What the {panel.dock} dock does, and how")
    made.setAccessibleName(f"Help on the {panel.dock} dock")
    made.setStyleSheet("font-weight: bold; padding: 0 5px; border: 1px solid gray; border-radius: 7px;")
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.clicked.connect(lambda _checked: _open(panel))
    return made


def _open(panel: Panel) -> None:
    page = find_page(PAGES[panel.dock])
    if page is None:
        report_error("The documentation is not installed with this copy of napari-varae. Install the package again.")
        return
    for child in panel.findChildren(HelpPage):
        child.close()
    HelpPage(panel, page).show()
