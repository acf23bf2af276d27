"""The Movie dock, with good and with bad recordings: what cannot be used is told, and what was there stays."""

import time
import weakref

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

import napari_varae as nv
from napari_varae.session.job_events import Controls
from napari_varae.session.session import session_of
from napari_varae.widgets.parts.state_strip import JobLine, StateStrip
from napari_varae.widgets.parts.text import JOINER

from ..conftest import PATIENCE

GOOD = np.random.default_rng(0).integers(0, 1000, (40, 16, 16), dtype=np.uint16)

BROKEN = ("corrupt", "truncated", "missing", "rgb", "flat", "4d", "nan", "infinite", "one frame")


def broken(tmp_path, kind):
    """Write a file that is no usable recording."""
    path = tmp_path / f"{kind}.tif"
    if kind == "corrupt":
        path.write_bytes(b"no TIFF at all")
    elif kind == "truncated":
        tifffile.imwrite(path, GOOD)
        path.write_bytes(path.read_bytes()[: GOOD.nbytes // 2])
    elif kind == "missing":
        pass
    else:
        arrays = {
            "rgb": np.zeros((20, 16, 16, 3), dtype=np.uint8),
            "flat": GOOD[0],
            "4d": np.stack([GOOD, GOOD]),
            "nan": np.full((20, 16, 16), np.nan, dtype=np.float32),
            "infinite": np.full((20, 16, 16), np.inf, dtype=np.float32),
            "one frame": GOOD[:1],
        }
        options = {"photometric": "rgb"} if kind == "rgb" else {"photometric": "minisblack"}
        tifffile.imwrite(path, arrays[kind], **options)
    return path


@pytest.fixture
def panel(viewer):
    """The dock alone, as a proxy: pytest keeps what a fixture returns longer than the window."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-varae", "Movie")
    return weakref.proxy(panel)


@pytest.fixture
def session(viewer, panel):
    return session_of(viewer)


def test_a_file_becomes_the_movie(viewer, panel, session, tmp_path, notices, idle):
    path = tmp_path / "recording.tif"
    tifffile.imwrite(path, GOOD)
    panel.open(str(path))
    idle()
    assert not notices
    assert session.stack.shape == GOOD.shape
    np.testing.assert_array_equal(viewer.layers["recording.tif"].data[5], GOOD[5])
    report = panel.report.text()
    assert "40 frames" in report
    assert "frame rate is unknown" in report


def test_a_bad_file_is_told_and_changes_nothing(viewer, panel, session, trained, movie, tmp_path, notices, idle):
    before = list(viewer.layers)
    for kind in BROKEN:
        panel.open(str(broken(tmp_path, kind)))
        idle()
        assert len(notices) == 1, kind
        assert notices.pop().startswith("error: ")
        assert session.stack is movie
        assert session.fit is trained
        assert list(viewer.layers) == before


def test_what_the_file_does_not_tell_is_asked_for_and_applied(viewer, panel, session, movie, notices):
    assert panel.frame_rate.value() == 10
    panel.frame_rate.set_value(25)
    panel.pixel_size.set_value(0.5)
    panel.first.set_value(20)
    panel.bad_frames.setText("3-5, 100-101")
    panel.apply_button.click()
    assert not notices
    assert (session.stack.frame_rate, session.stack.pixel_size) == (25, 0.5)
    assert session.frames == (20, 200)
    assert session.stack.bad_frames == {3, 4, 100}
    assert panel.bad_frames.text() == "3 - 5, 100 - 101"
    assert tuple(viewer.layers[0].scale) == (0.04, 0.5, 0.5)


WRONG = (
    ("frame_rate", "-3", "-3 must be greater than 0"),
    ("frame_rate", "fast", "not a number"),
    ("pixel_size", "0", "0 must be greater than 0"),
    ("last", "4000", "training frames"),
    ("last", "1", "at least 2"),
    ("bad_frames", "the blurred ones", "Bad frames"),
    ("bad_frames", "5000-5001", "Bad frames"),
)


def test_values_that_make_no_sense_are_told(panel, session, movie, notices):
    for field, text, message in WRONG:
        widget = getattr(panel, field)
        edit = widget if field == "bad_frames" else widget.lineEdit()
        right = edit.text()
        edit.setText(text)
        panel.apply_button.click()
        assert message.lower() in widget.complaint.text().lower(), text
        assert widget.styleSheet()
        assert not notices
        assert session.stack.frame_rate == 10
        assert session.frames is None
        edit.setText(right)


def test_a_layer_of_the_user_becomes_the_movie(viewer, panel, session, notices):
    panel.use_layer()
    assert "no image layer" in notices.pop()
    viewer.add_image(GOOD, name="mine")
    viewer.add_image(GOOD[0], name="one image")
    assert [panel.layer_choice.itemText(i) for i in range(panel.layer_choice.count())] == ["mine"]
    panel.use_layer()
    assert session.stack.array is viewer.layers["mine"].data
    assert not notices


def test_the_simulated_recording_is_a_click_away(viewer, panel, session, idle):
    panel.use_sample()
    assert session.stack is None  # in the background
    assert session.job == "computing"  # simulating takes seconds, which the window does not wait for
    assert not viewer.layers
    idle()
    assert session.stack.frame_rate == 10
    assert len(viewer.layers) == 1
    assert "Simulated" in panel.report.text()


def test_a_real_recording_opens(viewer, panel, session, recordings, idle):
    panel.open(str(recordings / "mouse_somata_2p.tif"))
    idle()
    assert session.stack.shape == (2000, 128, 128)
    assert session.stack.frame_rate is None


def test_apply_is_all_or_nothing(viewer, panel, session, movie, notices):
    session.set_frame(70)
    panel.frame_rate.set_value(25)
    panel.first.set_value(150)
    panel.last.set_value(20)
    before = session.stack
    panel.apply_button.click()
    assert "raining frames" in panel.last.complaint.text()
    assert session.stack is before
    assert session.frame == 70
    assert viewer.dims.point[0] == pytest.approx(7.0)
    assert viewer.layers[0].scale[0] == 0.1
    assert panel.frame_rate.value() == 25  # typed, to be corrected


def test_apply_never_moves_the_frame_in_view(viewer, panel, session, movie, notices):
    session.set_frame(70)
    for rate in (25, 3, None):
        panel.frame_rate.set_value(rate)
        panel.apply_button.click()
        assert not notices
        assert session.frame == 70
        assert round(viewer.dims.point[0] * (rate or 1)) == 70
        assert viewer.dims.current_step[0] == 70


def test_what_was_typed_survives_the_end_of_a_job(panel, session, movie):
    panel.frame_rate.lineEdit().setText("33.3")
    panel.bad_frames.setText("5 - 9, 20 -")
    session.end(session.begin("computing"))
    assert panel.frame_rate.value() == 33.3
    assert panel.bad_frames.text() == "5 - 9, 20 -"
    session.set_frames((0, 100))  # of another field
    assert panel.frame_rate.value() == 33.3
    assert panel.last.value() == 100


def test_a_name_is_not_read_as_html(viewer, panel, session, tmp_path, idle, notices):
    path = tmp_path / "mouse<3 & dF<1 <b>1<b>.tif"
    tifffile.imwrite(path, GOOD)
    panel.open(str(path))
    idle()
    assert path.name in panel.report.text()
    strip = panel.findChild(StateStrip)
    for label in (panel.report, *strip.lines, strip.job.text):
        assert label.textFormat() == Qt.TextFormat.PlainText
    for line in strip.lines:
        assert not Qt.mightBeRichText(line.toolTip())
    assert path.name in strip.lines[0].toolTip().replace(JOINER, "")
    panel.open(str(tmp_path / "<b>none<b>.tif"))
    idle()
    assert "none" in notices[0]
    assert not Qt.mightBeRichText(notices.pop())


def test_a_file_of_many_pages_is_opened_in_the_background_and_stopped(
    panel, session, tmp_path, monkeypatch, qtbot, idle
):
    """Each page takes a while here; the window goes on meanwhile, and Stop ends it within a second."""
    path = tmp_path / "many.tif"
    tifffile.imwrite(
        path, np.zeros((400, 16, 16), np.uint8), compression="zlib", photometric="minisblack", metadata=None
    )
    pages = []

    def slow(controls):
        pages.append(1)
        time.sleep(0.01)
        return usual_check(controls)

    usual_check = Controls.check
    monkeypatch.setattr(Controls, "check", slow)
    panel.open(str(path))
    assert session.stack is None
    assert session.job == "computing"
    qtbot.waitUntil(lambda: len(pages) > 5, timeout=PATIENCE)
    began = time.monotonic()
    panel.findChild(JobLine).stop.click()
    idle()
    assert time.monotonic() - began < 1
    assert len(pages) < 400
    assert session.stack is None


def test_the_layer_box_follows_names_and_keeps_the_choice(viewer, panel, session):
    viewer.add_image(GOOD, name="one")
    viewer.add_image(GOOD, name="two")
    panel.layer_choice.setCurrentText("two")
    viewer.layers["two"].name = "renamed"
    assert panel.layer_choice.currentText() == "renamed"
    panel.use_layer()
    assert session.stack.name == "renamed"


def test_opening_a_file_leaves_the_layer_that_was_used(viewer, panel, session, tmp_path, idle):
    mine = viewer.add_image(GOOD, name="mine", metadata={"note": "mine"})
    panel.use_layer()
    tifffile.imwrite(tmp_path / "other.tif", GOOD[:20, :12])
    panel.open(str(tmp_path / "other.tif"))
    idle()
    assert (mine.name, mine.data is GOOD, mine.metadata) == ("mine", True, {"note": "mine"})
    assert [layer.name for layer in viewer.layers] == ["mine", "other.tif"]
    assert session.stack.shape == (20, 12, 16)


def test_the_simulation_can_be_stopped(panel, session, idle, notices):
    panel.use_sample()
    panel.findChild(JobLine).stop.click()
    idle()
    assert session.stack is None


def two_channels(path):
    tifffile.imwrite(path, np.stack([GOOD, GOOD + 1], axis=1), imagej=True, metadata={"axes": "TCYX"})
    return path


def test_a_channel_is_asked_for_and_never_guessed(panel, session, tmp_path, notices, idle):
    path = two_channels(tmp_path / "two.tif")
    panel.open(str(path))
    idle()
    assert session.stack is None
    question = panel.question
    assert not question.isHidden()
    assert question.text.text() == "'two.tif' holds 2 channels."
    assert list(question.fields) == ["channel"]
    question.open_button.click()
    assert "Channel: choose one first" in notices.pop()
    question.fields["channel"].setCurrentIndex(2)
    question.open_button.click()
    idle()
    assert not notices
    np.testing.assert_array_equal(session.stack.read(3, 4)[0], GOOD[3] + 1)
    assert question.isHidden()
    assert "channel" in panel.report.text()


@pytest.mark.long
def test_a_question_can_be_cancelled(panel, session, movie, tmp_path, idle):
    panel.open(str(two_channels(tmp_path / "two.tif")))
    idle()
    panel.question.cancel_button.click()
    assert panel.question.isHidden()
    assert session.stack is movie


def test_several_files_are_joined(panel, session, tmp_path, idle, monkeypatch):
    paths = [tmp_path / f"run{i}.tif" for i in (10, 9)]
    for i, path in enumerate(paths):
        tifffile.imwrite(path, GOOD + i)
    monkeypatch.setattr(
        "napari_varae.widgets.panels.movie.QFileDialog.getOpenFileNames", lambda *_: ([str(p) for p in paths], "")
    )
    panel.ask_file()
    idle()
    assert session.stack.breaks == (40,)
    np.testing.assert_array_equal(session.stack.read(0, 1)[0], GOOD[0] + 1)  # 9 before 10
    assert "break" in panel.report.text()


def test_bad_frames_and_shifts_come_from_a_table(panel, session, movie, tmp_path, notices):
    n = session.stack.n_frames
    session.describe_movie(30.0, 0.8, [1])
    path = tmp_path / "frames.csv"
    path.write_text("frame,bad\n7,1\n8,0\n")
    panel.from_table.open(str(path))
    assert session.stack.bad_frames == {1, 7}
    assert panel.bad_frames.text() == "1 - 2, 7 - 8"
    assert (session.stack.frame_rate, session.stack.shifts) == (30.0, None)
    path.write_text("y,x\n" + "1.5,-2\n" * n)
    panel.from_table.open(str(path))
    assert session.stack.shifts[n - 1].tolist() == [1.5, -2]
    assert session.stack.bad_frames == {1, 7}
    session.describe_movie(25.0, None)
    assert session.stack.shifts is not None
    path.write_text("frame\n5000000\n")
    panel.from_table.open(str(path))
    assert "whole numbers" in notices[-1]


def test_joined_files_become_frame_sets(panel, session, movie, tmp_path, idle):
    assert panel.files_button.isHidden()
    rng = np.random.default_rng(0)
    for name, n in (("drug", 30), ("control", 40)):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 99, (n, 16, 16)).astype(np.uint16))
    panel.open([str(tmp_path / "control.npy"), str(tmp_path / "drug.npy")])
    idle()
    assert not panel.files_button.isHidden()
    panel.files_button.click()
    assert dict(session.frame_sets) == {"control": ((0, 40),), "drug": ((40, 70),)}
    assert session.ranges == {"a": ((0, 40),), "b": ((40, 70),)}
    session.set_frame_sets({"own": [(3, 9)]}, ("own", "drug"))
    panel.files_button.click()
    assert session.ranges["a"] == ((3, 9),)


def test_what_was_found_reports_a_frame_rate_that_was_entered(panel, session, recordings):
    session.use_movie(nv.open_stack(recordings / "mouse_tactile_2p.tif"))
    assert "Frame rate: not stored in the file\n" in panel.report.text()
    panel.frame_rate.set_value(10.0)
    panel.apply_button.click()
    assert "Frame rate: not stored in the file, entered as 10 Hz" in panel.report.text()
