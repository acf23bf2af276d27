"""The button 'Copy as' of the Compare dock puts a script or commands on the clipboard, or reports why it cannot."""

import numpy as np
import tifffile
from qtpy.QtWidgets import QApplication

from napari_varae.io import open_stack
from napari_varae.session.recipe import as_command, as_python, shown_comparison
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.copy_as import copy_button


def actions(panel):
    button = next(b for b in panel.findChildren(type(copy_button(lambda: None))) if b.text() == "Copy as")
    return button.menu().actions()


def test_a_script_and_commands_are_copied(docks, viewer, session, stack, fit, notices, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.asarray(stack.array), metadata={"axes": "TYX"})
    open_movie(viewer, open_stack(tmp_path / "movie.tif", frame_rate=10.0))
    session.use_fit(fit, fit.encode(session.stack))
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    for action, write in zip(actions(docks["Compare"]), (as_python, as_command), strict=True):
        action.trigger()
        expected = write(shown_comparison(session, docks["Compare"].form.value()))
        assert QApplication.clipboard().text() == expected
    assert "movie.tif" in expected


def test_what_cannot_be_repeated_is_reported(docks, movie, session, fit, notices):
    session.use_fit(fit, fit.encode(session.stack))
    actions(docks["Compare"])[0].trigger()
    assert any("not opened from a file" in text for text in notices)
