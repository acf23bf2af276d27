"""Every dock has a page of help that is there, is shown, and leads to others."""

import pytest
from qtpy.QtCore import QUrl
from qtpy.QtWidgets import QToolButton

from napari_varae.widgets.parts.help import PAGES, HelpPage, find_page
from napari_varae.widgets.workspace import DOCKS


def test_every_dock_has_a_page():
    assert set(PAGES) == set(DOCKS)
    assert all(find_page(page) is not None for page in PAGES.values())
    assert find_page("how-to/nothing.md") is None


@pytest.mark.parametrize("name", DOCKS)
def test_the_button_opens_the_page(docks, name):
    (button,) = [found for found in docks[name].findChildren(QToolButton) if found.text() == "?"]
    assert button.accessibleName() == f"Help on the {name} dock"
    button.click()
    button.click()  # again: still one
    page = docks[name].findChildren(HelpPage)[-1]
    title = find_page(PAGES[name]).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    assert page.windowTitle() == title
    page.close()


def test_links_lead_to_other_pages(docks):
    page = HelpPage(docks["Train"], find_page("tour.md"))
    page.anchorClicked.emit(QUrl("how-to/train.md#odd-frames"))
    assert page.page.name == "train.md"
    page.anchorClicked.emit(QUrl("nothing.md"))
    assert page.page.name == "train.md"
    page.close()
