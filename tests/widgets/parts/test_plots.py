"""The plots of the docks: what stands where."""

import numpy as np
import pytest

from napari_varae.session.time_rows import Row
from napari_varae.widgets.parts.plots import CurvePlot
from napari_varae.widgets.parts.segments import Shaded
from napari_varae.widgets.parts.text import signed
from napari_varae.widgets.parts.time_plot import LEAST_ROW, RASTER_ROWS, TimePlot


def test_epochs_are_whole_and_nothing_lies_on_the_curves(qtbot):
    plot = CurvePlot("loss", ("training", "held out"))
    qtbot.addWidget(plot)
    for last in (1, 7, 60):
        y = np.linspace(2, 1, last + 1)
        plot.show_curves(range(last + 1), {"training": y, "held out": y + 0.1})
        plot.mark_epoch(last)
        (ticks,) = plot.getAxis("bottom")._tickLevels
        assert 2 <= len(ticks) <= 9
        assert all(text == str(int(text)) and float(text) == place for place, text in ticks)
        low, high = plot.getViewBox().viewRange()[1]
        assert (2.1 - low) / (high - low) < 0.7  # legend and mark stand above
    plot.show_curves([], {"training": [], "held out": []})


def test_rows_have_a_least_height_and_a_bar_brings_those_below(qtbot):
    plot = TimePlot()
    qtbot.addWidget(plot)
    plot.resize(500, 600)
    plot.show()
    plot.set_time("frame", 100, 1.0)
    rows = [Row(str(i), np.arange(100.0), i) for i in range(12)]
    plot.show_rows(rows, np.arange(12))
    view = plot.getViewBox()
    assert plot.bar.isHidden()
    assert view.viewRange()[1] == pytest.approx([0, 15.1])
    plot.resize(500, 160)
    qtbot.waitUntil(plot.bar.isVisible)

    def row():
        low, high = view.viewRange()[1]
        return view.height() / (high - low)

    assert row() == pytest.approx(LEAST_ROW, rel=0.05)
    assert view.viewRange()[1][1] == pytest.approx(15.1)  # the first rows
    plot.bar.setValue(plot.bar.maximum())
    assert view.viewRange()[1][0] == pytest.approx(0, abs=0.01)  # the raster
    assert row() == pytest.approx(LEAST_ROW, rel=0.05)
    plot.show_rows(rows[:2])
    assert plot.bar.isHidden()


def test_frame_sets_do_not_tint_the_raster(qtbot):
    plot = TimePlot()
    qtbot.addWidget(plot)
    plot.show_rows([Row("0", np.arange(100.0), 0)], np.arange(3))
    plot.show_sets({"A": Shaded("#ff8800", [(10.0, 20.0)])}, "A")
    shade, edges = plot.segments._items["A"]
    assert shade.opts["y0"][0] == RASTER_ROWS
    assert edges.opts["pen"].widthF() == 1


@pytest.mark.parametrize(("value", "text"), [(-0.001, "0.00"), (0.004, "0.00"), (-0.25, "-0.25"), (0.25, "+0.25")])
def test_a_number_that_rounds_to_zero_has_no_sign(value, text):
    assert signed(value) == text
