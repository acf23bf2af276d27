"""Without a mouse: Tab reaches what can be used, keys use it, and Tab leaves it again."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_varae.core.comparison.compare import compare
from napari_varae.core.settings import ComparisonConfig, FitConfig
from napari_varae.session.results import Edge

SETS = {"go": [(0, 90)], "stop": [(100, 190)]}
MOST = 200
"""Steps after which Tab is taken to be trapped."""


@pytest.fixture
def dense(stack):
    from napari_varae.core.training.train import fit

    return fit(stack, FitConfig(latents=6, epochs=0, sparsity="fixed", penalty=0.02))


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def used(session, movie, dense):
    """A movie, a fit and frame sets."""
    session.use_fit(dense, dense.encode(movie))
    session.set_frame_sets(SETS, ("go", "stop"))


@pytest.fixture
def reached(docks, qtbot):
    """Go through a dock with Tab, and return what had the focus."""

    def go(name, start):
        panel = docks[name]
        panel.parentWidget().raise_()
        qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
        start.setFocus()
        found, main = [start], panel.window()
        while len(found) < MOST:
            qtbot.keyClick(main.focusWidget(), Qt.Key.Key_Tab)
            now = main.focusWidget()
            if now in found or not panel.isAncestorOf(now):
                return found
            found.append(now)
        raise AssertionError(f"Tab does not leave {name}")

    return go


@pytest.mark.long
def test_sliders_and_the_matrix_of_links(docks, session, used, reached, qtbot, notices):
    panel = docks["Links"]
    found = reached("Links", panel.sparsity.slider)
    assert {panel.image.strongest, panel.image.arrows, panel.on_click, panel.matrix} <= {*found}
    assert panel.sparsity.path not in found  # nothing to do there without a mouse
    qtbot.keyClick(panel.sparsity.slider, Qt.Key.Key_Right)
    assert session.penalty is not None
    session.set_penalty(None)
    before = session.graph.strongest
    qtbot.keyClick(panel.image.strongest, Qt.Key.Key_Left)
    assert session.graph.strongest == before - 1
    visited = []
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Up):
        qtbot.keyClick(panel.matrix, key)
        visited.append(session.edge[1:])
    assert visited == [(0, 0), (0, 1), (1, 1), (0, 1), (0, 1)]  # no further than the border
    qtbot.waitUntil(lambda: session.job == "idle", timeout=30_000)
    target, source = np.argwhere(session.fit.var.coefficients[0] * (1 - np.eye(6)))[0].tolist()
    session.set_edge(Edge(1, target, max(source - 1, 0)))
    qtbot.keyClick(panel.matrix, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: session.job == "idle" and session.edge is not None, timeout=30_000)
    assert not [notice for notice in notices if notice.startswith("error")]


@pytest.mark.long
def test_tables_of_frame_sets_results_and_coefficients(docks, session, used, reached, qtbot, stack, dense):
    sets, compare_dock = docks["Time"].sets.table, docks["Compare"]
    reached("Time", sets)
    sets.setCurrentCell(1, 1)
    qtbot.keyClick(sets, Qt.Key.Key_Space)
    assert session.frame_sets.a == "stop"
    session.undo()
    qtbot.keyClick(sets, Qt.Key.Key_Up)
    assert session.active == "go"

    for resamples in (19, 29):
        config = ComparisonConfig(resamples=resamples, power_draws=0, correct_noise=False)
        session.set_comparison(compare(dense, stack, *SETS.values(), config))
    first, last = (done.comparison for done in session.results)
    found = reached("Compare", compare_dock.form.fields["resamples"].native)
    assert {compare_dock.run_button, compare_dock.table, compare_dock.results.table} <= {*found}
    qtbot.keyClick(compare_dock.results.table, Qt.Key.Key_Down)
    assert session.comparison is first
    qtbot.keyClick(compare_dock.results.table, Qt.Key.Key_Up)
    assert session.comparison is last
    compare_dock.table.setCurrentIndex(compare_dock.table.edges.index(0, 0))
    qtbot.keyClick(compare_dock.table, Qt.Key.Key_Down)
    assert session.edge == compare_dock.table.edges.edge(1)
    qtbot.waitUntil(lambda: session.job == "idle", timeout=30_000)
