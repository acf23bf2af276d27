"""Every button that is grey reports why, in every dock and state of the session."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton

from napari_varae.session.reasons import why_not


def forced(widget):
    """The widget that was disabled, of which this one is a part."""
    while not widget.testAttribute(Qt.WidgetAttribute.WA_ForceDisabled):
        widget = widget.parentWidget()
    return widget


def grey(docks):
    """Texts of the buttons that are grey and have no reason, by their docks."""
    found = []
    for name, panel in docks.items():
        for button in panel.findChildren(QAbstractButton):
            if button.isVisibleTo(panel) and not button.isEnabled():
                off = forced(button)
                if not off.property("why_not") or off.property("why_not") != off.toolTip().replace("\u2060", ""):
                    found.append(f"{name}: {button.text() or button.toolTip() or type(button).__name__}")
    return found


def test_without_a_movie(docks):
    assert grey(docks) == []


def test_with_a_movie_and_no_fit(docks, movie):
    assert grey(docks) == []
    assert docks["Compare"].reason.text() == "Train or load a fit in the Train dock first."


def test_with_a_fit_and_no_ranges(docks, trained):
    assert grey(docks) == []
    assert "Set the ranges A and B" in docks["Compare"].reason.text()


def test_while_a_job_runs_and_with_a_result(docks, session, trained, idle):
    compare = docks["Compare"]
    session.set_range("a", (0, 90))
    session.set_range("b", (95, 190))
    assert compare.reason.text() == ""
    compare.form.fields["resamples"].set_value(59)
    compare.run()
    assert grey(docks) == []
    assert "when this job ends: Comparing A with B" in docks["Movie"].apply_button.toolTip()
    idle()
    assert grey(docks) == []
    assert docks["Movie"].apply_button.toolTip() == "Update the movie layer and all layers made from it"
    session.set_range("b", (95, 180))
    assert grey(docks) == []  # the result is of other ranges


@pytest.mark.parametrize(("needs", "words"), [(("movie", "fit"), "Movie dock"), (("fit",), "Train dock"), ((), "")])
def test_the_first_need_that_is_not_met_is_given(session, needs, words):
    assert words in why_not(session, *needs)
    assert bool(why_not(session, *needs)) == bool(needs)
