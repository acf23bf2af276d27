"""The buttons 'Copy as' of the docks put a script or commands on the clipboard, or reports why it cannot."""

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication

from napari_varae.io import open_stack
from napari_varae.session.recipe import shown_comparison
from napari_varae.session.recipe_command import as_command
from napari_varae.session.recipe_python import as_python
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.copy_as import copy_button


def actions(panel):
    button = next(b for b in panel.findChildren(type(copy_button(lambda: None))) if b.text() == "Copy as")
    return button.menu().actions()


def copied(panel):
    """The script and the commands."""
    texts = []
    for action in actions(panel):
        action.trigger()
        texts.append(QApplication.clipboard().text())
    return texts


@pytest.fixture
def from_file(viewer, session, stack, fit, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.asarray(stack.array), metadata={"axes": "TYX"})
    open_movie(viewer, open_stack(tmp_path / "movie.tif", frame_rate=10.0))
    session.use_fit(fit, fit.encode(session.stack))


def test_a_script_and_commands_are_copied(docks, session, from_file, notices):
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    for action, write in zip(actions(docks["Compare"]), (as_python, as_command), strict=True):
        action.trigger()
        expected = write(shown_comparison(session, docks["Compare"].form.value()))
        assert QApplication.clipboard().text() == expected
    assert "movie.tif" in expected


@pytest.mark.long
def test_the_map_of_the_choices_is_copied(docks, session, from_file, notices):
    look = docks["Look"]
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    session.set_latent(2)
    look.own_past.setChecked(True)
    look.span.setCurrentIndex(look.span.findData("a-b"))
    script, commands = copied(look)
    assert "'driver', frames=[(0, 90)], target=2, own_past=True) - nv.contribution_map" in script
    assert "--frames 0:90 --minus 100:200 --target 2 --own-past" in commands
    look.span.setCurrentIndex(look.span.findData("a|b"))
    script, commands = copied(look)
    assert script.count("nv.contribution_map") == 2
    assert commands.count("napari-varae map") == 2
    look.span.setCurrentIndex(look.span.findData("frame"))
    session.set_frame(33)
    script, commands = copied(look)
    assert "nv.FrameContributions(fit, stack, target=2, own_past=True)(33, 34)[0]" in script
    assert "--frame 33 " in commands
    session.set_penalty(0.1)
    script, unchanged = copied(look)
    assert "fit.with_penalty(" in script
    assert unchanged == script  # no commands: the reason is shown
    assert any("penalty was changed" in text for text in notices)


@pytest.mark.long
def test_conditions_that_are_ticked_are_copied(docks, session, from_file, notices):
    sets = {"go": [(0, 60)], "stop": [(70, 120)], "rest": [(130, 200)]}
    session.set_frame_sets(sets, ("go", "stop"))
    box = docks["Compare"].conditions
    box.tick("go", "stop")
    assert copied(box)
    assert any("fewer than three" in text for text in notices)
    box.tick(*sets)
    script, commands = copied(box)
    assert "nv.compare_conditions(fit, stack, {'go': [(0, 60)], 'stop': [(70, 120)], 'rest': [(130, 200)]}" in script
    assert "--condition=go=0:60 --condition=stop=70:120 --condition=rest=130:200" in commands


def test_what_cannot_be_repeated_is_reported(docks, movie, session, fit, notices):
    session.use_fit(fit, fit.encode(session.stack))
    actions(docks["Compare"])[0].trigger()
    assert any("not opened from a file" in text for text in notices)
