"""How the docks come: by command, from the menu, from the sample; how they look; how they go."""

import gc
import re
import weakref
from pathlib import Path

import numpy as np
import pytest
from napari._app_model import get_app_model
from qtpy.QtWidgets import QApplication, QScrollArea, QTabBar

from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.docks import dock_key
from napari_varae.widgets.workspace import DOCKS, RIGHT, open_workspace


def test_the_command_places_all_docks(viewer):
    get_app_model().commands.execute_command("napari-varae.workspace").result()
    assert {dock_key(name) for name in DOCKS} <= set(viewer.window.dock_widgets)


def test_every_dock_opens_alone_from_the_menu(viewer):
    for name, (kind, _) in DOCKS.items():
        _, widget = viewer.window.add_plugin_dock_widget("napari-varae", name)
        assert isinstance(widget, kind)
        assert widget.session is session_of(viewer)


def test_the_first_widget_of_the_plugin_brings_all_docks(viewer, qtbot):
    viewer.window.add_plugin_dock_widget("napari-varae")  # as `napari -w napari-varae` does
    qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == len(DOCKS))
    kinds = {type(widget) for widget in viewer.window.dock_widgets.values()}
    assert kinds == {kind for kind, _ in DOCKS.values()}
    titles = {widget.parentWidget().windowTitle() for widget in viewer.window.dock_widgets.values()}
    assert titles == set(DOCKS)


def test_all_docks_from_the_menu_again_doubles_nothing(viewer, qtbot):
    actions = get_app_model().commands
    for opened in ("docks", "docks", "workspace", "docks"):
        actions.execute_command(f"napari-varae.{opened}").result()
        qtbot.wait(50)
        assert {type(w) for w in viewer.window.dock_widgets.values()} == {kind for kind, _ in DOCKS.values()}
        assert len(viewer.window.dock_widgets) == len(DOCKS)
        assert viewer.window.dock_widgets[dock_key("Movie")].parentWidget().isVisibleTo(viewer.window._qt_window)
    actions.execute_command("napari-varae.look").result()  # the menu finds the dock that is open, and toggles it
    assert len(viewer.window.dock_widgets) == len(DOCKS)


def test_the_menu_entries_of_the_readme_exist(viewer):
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    menus = {action.text().replace("&", ""): action.menu() for action in viewer.window._qt_window.menuBar().actions()}
    entries = re.findall(r"\*(Plugins > [^*]+)\*", text)
    assert entries
    for entry in entries:
        menu = menus["Plugins"]
        menu.aboutToShow.emit()
        for step in entry.split(" > ")[1:]:
            found = {action.text().replace("&", ""): action for action in menu.actions()}
            assert step in found, entry
            menu = found[step].menu() or menu


def test_docks_from_the_menu_become_tabs_beside_the_others(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    main = viewer.window._qt_window
    opened = []

    def titles(dock):
        return {dock.windowTitle(), *(other.windowTitle() for other in main.tabifiedDockWidgets(dock))}

    for name in ("Movie", "Train", "Look"):
        dock, _ = viewer.window.add_plugin_dock_widget("napari-varae", name)
        opened.append(dock)
        qtbot.waitUntil(lambda: len(titles(opened[0])) == len(opened) and titles(opened[0]) <= set(DOCKS))
    assert titles(opened[0]) == {"Movie", "Train", "Look"}
    opened[1].destroyOnClose()
    again, _ = viewer.window.add_plugin_dock_widget("napari-varae", "Train")
    qtbot.waitUntil(lambda: titles(again) == {"Movie", "Train", "Look"})


def test_names_of_all_docks_can_be_read_in_their_tabs(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    open_workspace(viewer)
    viewer.window.resize(1280, 720)
    qtbot.wait(100)
    (tabs,) = [bar for bar in viewer.window._qt_window.findChildren(QTabBar) if bar.count() == len(RIGHT)]
    assert tabs.sizeHint().width() <= tabs.width()


def test_docks_that_came_from_the_menu_stay(viewer):
    _, look = viewer.window.add_plugin_dock_widget("napari-varae", "Look")
    assert open_workspace(viewer)["Look"] is look
    assert len(viewer.window.dock_widgets) == len(DOCKS)


def test_setting_up_twice_opens_nothing_twice(viewer, docks):
    first = dict(docks)
    assert open_workspace(viewer) == first
    first["Look"].parentWidget().destroyOnClose()
    again = open_workspace(viewer)
    assert again["Look"] is not first["Look"]
    assert again["Time"] is first["Time"]


def test_the_sample_becomes_the_movie(viewer, session):
    viewer.open_sample("napari-varae", "simulated")
    assert session.stack is not None
    assert session.stack.frame_rate == 10


@pytest.mark.long
@pytest.mark.parametrize("named", [False, True])
def test_docks_fit_on_a_screen(make_napari_viewer, qtbot, named):
    """Also with layers that have long names, and with the tall controls of a Labels layer."""
    viewer = make_napari_viewer(show=True)
    if named:
        viewer.add_image(np.zeros((5, 8, 8)), name=f"a layer with a name {100 * 'x'}")
        viewer.add_labels(np.zeros((8, 8), int), name=f"cells with a name {100 * 'x'}")
    panels = open_workspace(viewer)
    viewer.window.resize(1280, 720)
    qtbot.wait(100)
    assert viewer.window._qt_window.minimumSizeHint().height() <= 720
    assert viewer.window._qt_window.height() <= 720
    for name in RIGHT:
        panels[name].parentWidget().raise_()
        area = panels[name].findChild(QScrollArea)
        qtbot.waitUntil(area.isVisible)

        def fits(name=name, area=area):
            widest = area.widget().minimumSizeHint().width()
            assert widest <= area.viewport().width(), f"{name} is cut off at the right"

        qtbot.waitUntil(fits)  # the layout follows


def test_plots_follow_the_theme(viewer, docks):
    colours = set()
    for theme in ("dark", "light"):
        viewer.theme = theme
        colours |= {plot.backgroundBrush().color().name() for panel in docks.values() for plot in panel.plots}
    assert len(colours) == 2


@pytest.mark.long
def test_two_windows_share_nothing(make_napari_viewer, stack, fit):
    one, other = make_napari_viewer(), make_napari_viewer()
    panels = open_workspace(one), open_workspace(other)
    first, second = session_of(one), session_of(other)
    first.use_movie(stack)
    first.use_fit(fit, fit.encode(stack))
    first.set_range("a", (0, 50))
    assert first is not second
    assert (second.stack, second.fit, second.ranges["a"]) == (None, None, ())
    assert panels[1]["Compare"].sides.fields["a"].text() == ""
    assert not panels[1]["Train"].start_button.isEnabled()


@pytest.mark.long
def test_three_frame_sets_are_seen_on_a_low_screen_beside_a_labels_layer(make_napari_viewer, qtbot, stack):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 720)
    panels = open_workspace(viewer)
    open_movie(viewer, stack)
    labels = viewer.add_labels(np.zeros(stack.shape[1:], int))  # its controls are the tallest
    viewer.layers.selection.active = labels
    session_of(viewer).set_frame_sets({name: [(10 * i, 10 * i + 9)] for i, name in enumerate(("go", "stop", "rest"))})
    table = panels["Time"].sets.table

    def seen(widget, rect):
        """Whether all of a rectangle is on the screen, and not cut off by what the widget lies in."""
        return widget.visibleRegion().boundingRect().contains(rect)

    qtbot.waitUntil(lambda: seen(table.viewport(), table.visualItemRect(table.item(2, 0))))
    controls = viewer.window._qt_viewer.controls
    qtbot.waitUntil(lambda: controls.visibleRegion().boundingRect().width() == controls.width())


DEFERRED_DELETE = 52  # QEvent.Type.DeferredDelete


def gone(*references):
    """Whether all that these weak references point to is gone, after some rounds of tidying up."""
    for _ in range(5):
        QApplication.sendPostedEvents(None, DEFERRED_DELETE)
        QApplication.processEvents()
        gc.collect()
        if not any(reference() is not None for reference in references):
            return True
    return False


@pytest.mark.long
def test_a_closed_dock_is_gone(viewer, session, docks, trained):
    for i, name in enumerate(DOCKS):
        panel, deleted = docks.pop(name), []
        panel.destroyed.connect(lambda _object, deleted=deleted: deleted.append(True))
        panel.parentWidget().destroyOnClose()
        QApplication.sendPostedEvents(None, DEFERRED_DELETE)
        assert deleted, name
        session.set_range("a", (i, 50))  # it listens no more
        session.set_frame(5 + i)
        session.set_device(name)
        viewer.theme = ("light", "dark")[i % 2]
        panel = weakref.ref(panel)
        assert gone(panel), name


def test_all_is_gone_with_the_window(make_napari_viewer, stack, fit):
    viewer = make_napari_viewer()
    panels = [weakref.ref(panel) for panel in open_workspace(viewer).values()]
    session = session_of(viewer)
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    state = weakref.ref(session)
    viewer.close()
    del viewer, session
    assert gone(state, *panels)
