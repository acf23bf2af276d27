"""The state that the docks of one viewer share."""

import gc
import threading
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_varae.core.fit.apply import apply_fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.errors import StackError, StoppedError
from napari_varae.session.fits import KEPT
from napari_varae.session.generation import name_parts
from napari_varae.session.results import Edge
from napari_varae.session.session import Session, session_of

SIGNALS = (
    "movie_changed", "fit_changed", "reported", "ranges_changed", "frame_changed", "edge_changed",
    "comparison_changed", "job_changed", "device_changed",
)  # fmt: skip


@pytest.fixture
def stack(rng):
    return Stack(rng.random((60, 16, 16), dtype=np.float32), frame_rate=10, name="toy")


@pytest.fixture
def session(stack):
    session = Session()
    session.use_movie(stack)
    return session


@pytest.fixture
def heard(session):
    """Names of the signals in the order they came."""
    heard = []
    for name in SIGNALS:
        getattr(session, name).connect(lambda *_args, name=name: heard.append(name), check_nargs=False)
    return heard


@pytest.fixture
def fit(stack):
    from napari_varae.core.training.train import fit

    return fit(stack, FitConfig(latents=3, epochs=0))


def report(epoch=1):
    return EpochReport(epoch, 5, 1.0, 1.0, 0.1, 0.1, 0.1, 1.0, 0.1, 1.0, True)


def test_every_viewer_has_its_own_session():
    one, other = ViewerModel(), ViewerModel()
    assert session_of(one) is session_of(one)
    assert session_of(one) is not session_of(other)


def test_a_session_ends_with_its_viewer():
    viewer = ViewerModel()
    session = weakref.ref(session_of(viewer))
    del viewer
    gc.collect()
    assert session() is None


def test_a_movie_that_cannot_be_used_leaves_the_other(session, stack, heard):
    bad = Stack(np.full((10, 16, 16), np.nan, dtype=np.float32))
    with pytest.raises(StackError, match="NaN"):
        session.use_movie(bad)
    assert session.stack is stack
    assert not heard


def test_another_movie_drops_what_belonged_to_the_first(session, stack, fit, rng):
    session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 20))
    session.set_frame(30)
    session.use_movie(Stack(rng.random((50, 16, 16))))
    assert (session.fit, session.latents, session.ranges, session.frame) == (None, None, {"a": (), "b": ()}, 0)
    assert session.fits == [fit]


def test_what_the_file_does_not_tell_can_be_added(session, stack, heard):
    session.describe_movie(30.0, 0.8, [3, 4])
    assert (session.stack.frame_rate, session.stack.pixel_size, session.stack.bad_frames) == (30, 0.8, {3, 4})
    assert session.stack.array is stack.array
    assert "movie_changed" in heard
    heard.clear()
    for wrong in ((-1, None), (np.nan, None), (None, 0)):
        with pytest.raises(ValueError, match="positive"):
            session.describe_movie(*wrong)
    with pytest.raises(ValueError, match="bad_frames"):
        session.describe_movie(30, None, [60])
    assert session.stack.frame_rate == 30
    assert not heard


def test_training_frames_are_checked(session, heard):
    session.set_frames((10, 50))
    with pytest.raises(ValueError, match="training frames"):
        session.set_frames((10, 61))
    assert session.frames == (10, 50)
    assert heard == ["movie_changed"]


def test_the_cursor_stays_in_the_movie_and_is_told_once(session, heard):
    for frame in (5, 5, 100, -3):
        session.set_frame(frame)
    assert heard == ["frame_changed"] * 3
    assert session.frame == 0


def test_ranges_are_checked_and_told_once(session, heard):
    session.set_range("a", (0, 20))
    session.set_range("a", [(0, 20)])
    with pytest.raises(ValueError, match="Range B"):
        session.set_range("b", (50, 70))
    assert session.ranges == {"a": ((0, 20),), "b": ()}
    assert heard == ["ranges_changed"]


def test_notes_on_ranges_are_words(session, stack, fit):
    assert "Set the ranges" in session.range_notes()[0]
    session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 30))
    session.set_range("b", (28, 31))
    notes = " ".join(session.range_notes())
    assert "share 2 frames" in notes
    assert "Range B has 2 good frames whose preceding frame is good too" in notes
    session.use_movie(Stack(np.tile(stack.array, (2, 1, 1)), name="twice as long"))
    session.set_range("a", (0, 40))
    session.set_range("b", (40, 80))
    assert "A and B touch" in " ".join(session.range_notes())
    session.set_range("b", (41, 80))
    assert session.range_notes() == []


def test_frames_seen_in_training_are_told_when_they_differ(session, stack):
    from napari_varae.core.training.train import fit

    trained = fit(stack, FitConfig(latents=3, epochs=0, frames=(0, 40)))
    session.use_fit(trained, trained.encode(stack))
    session.set_range("a", (0, 30))
    session.set_range("b", (30, 60))
    assert session.range_notes()[-1].startswith("100% of A but 33% of B was seen in training:")


def test_fits_are_kept_and_can_be_returned_to(session, stack, fit, heard):
    session.use_fit(fit, fit.encode(stack))
    session.use_fit(fit, fit.encode(stack))
    assert session.fits == [fit]
    assert heard.count("fit_changed") == 2
    assert fit.id[:6] in session.model_text


def test_a_fit_for_another_image_size_is_refused(session, stack, fit, rng):
    latents = fit.encode(stack)
    session.use_movie(Stack(rng.random((60, 24, 24))))
    with pytest.raises(ValueError, match="16 x 16"):
        session.use_fit(fit, latents)
    with pytest.raises(ValueError, match="60"):
        session.use_movie(stack) and session.use_fit(fit, latents[:50])
    assert session.fit is None


def test_one_job_at_a_time(session, heard):
    controls = session.begin("training")
    with pytest.raises(ValueError, match="while this runs: training"):
        session.begin("comparing")
    with pytest.raises(ValueError, match="while this runs: training"):
        session.use_movie(session.stack)
    with pytest.raises(ValueError, match="while this runs: training"):
        session.describe_movie(20, None)
    session.pause()
    assert controls.pause.is_set()
    assert session.job == "paused"
    session.resume()
    assert not controls.pause.is_set()
    session.pause()
    session.stop(keep=False)
    assert controls.stop.is_set()
    assert not controls.pause.is_set()
    assert (controls.keep, session.job) == (False, "stopping")
    session.end(controls)
    assert session.job == "idle"
    assert heard == ["job_changed"] * 6


def test_an_old_job_does_not_end_a_new_one(session):
    old = session.begin("training")
    session.end(old)
    session.begin("comparing")
    session.end(old)
    assert session.job == "comparing"


def test_a_new_training_starts_a_new_history(session, heard):
    session.report(report())
    assert heard == ["reported"]
    session.end(session.begin("comparing"))
    assert len(session.history) == 1
    session.begin("training")
    assert session.history == []


def test_closing_the_movie_stops_the_job_and_keeps_what_it_learned(session, fit):
    session.keep_fit(fit)
    controls = session.begin("training")
    session.close_movie()
    assert controls.stop.is_set()
    assert controls.keep
    assert session.stack is None
    assert session.fits == [fit]


def test_nothing_is_required_silently():
    empty = Session()
    with pytest.raises(StackError, match="Open one"):
        empty.require_stack()
    with pytest.raises(ValueError, match="Train or load"):
        empty.require_fit()
    with pytest.raises(StackError):
        empty.set_range("a", (0, 5))
    assert "none yet" in empty.movie_text
    assert "none yet" in empty.model_text


def test_words_are_in_the_users_units(session):
    assert session.movie_text == "toy, 6 s at 10 Hz, 16 × 16 px"
    session.describe_movie(None, None)
    assert session.movie_text == "toy, 60 frames, 16 × 16 px"
    assert str(Edge(2, 5, 3)) == "3 → 5, lag 2"


def test_edges_are_told_once(session, heard):
    session.set_edge(Edge(1, 2, 3))
    session.set_edge(Edge(1, 2, 3))
    session.set_edge(None)
    assert heard == ["edge_changed"] * 2


def test_controls_may_be_set_from_any_thread(session):
    controls = session.begin("training")
    thread = threading.Thread(target=controls.stop.set)
    thread.start()
    thread.join()
    assert controls.stop.is_set()


def test_a_fit_of_another_movie_is_cautioned(session, stack, fit, rng):
    session.use_fit(fit, fit.encode(stack))
    assert session.caution is None
    other = Stack(rng.random((50, 16, 16), dtype=np.float32), name="other")
    session.use_movie(other)
    found = apply_fit(fit, other)
    session.use_fit(fit, found.latents, found.movie, found.explained)
    assert "trained on another movie" in session.caution
    assert f"explains {found.explained:.1%}" in session.caution
    assert f"{found.explained:.1%} of this movie explained" in session.model_text
    session.use_fit(fit, found.latents)  # without a worker the fingerprint is read here
    assert "trained on another movie" in session.caution
    session.use_movie(Stack(stack.array.copy(), name="the same file, opened again"))
    assert session.caution is None
    session.use_fit(fit, fit.encode(stack))
    assert session.caution is None


def test_generations_tell_what_changed(session, stack, fit):
    session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 20))
    began = session.generation
    assert began.changed(session.generation) == ()
    session.set_range("b", (30, 50))
    assert began.changed(session.generation) == ("b",)
    session.describe_movie(20, 1.0)
    assert began.changed(session.generation, ("movie", "fit", "bad_frames")) == ()
    session.describe_movie(20, 1.0, [3])
    assert name_parts(began.changed(session.generation)) == "range B and bad frames"
    session.use_movie(stack)
    assert name_parts(began.changed(session.generation)) == "movie, fit and range A"


def test_other_bad_frames_of_the_same_number_make_a_comparison_old(session, stack):
    session.describe_movie(10, None, [3])
    session.set_comparison(object())
    assert session.is_current
    session.describe_movie(10, None, [4])
    assert not session.is_current
    session.describe_movie(10, None, [3])
    assert session.is_current


def test_marks_belong_to_a_movie(session, stack, heard):
    session.set_mark(0, 5)
    session.set_mark(1, 12)
    assert session.marks == [5, 12]
    assert heard == ["ranges_changed"] * 2
    session.use_movie(stack)
    assert session.marks == [None, None]


def test_closing_the_movie_ends_other_jobs_without_a_result(session):
    controls = session.begin("comparing")
    session.close_movie()
    assert controls.stop.is_set()
    assert not controls.keep
    with pytest.raises(StoppedError):
        controls.check()


def test_fits_that_lie_in_files_are_let_go_and_others_are_not(session, stack):
    from napari_varae.core.training.train import fit as train

    fits = [train(stack, FitConfig(latents=2, epochs=0, seed=seed)) for seed in range(2 * KEPT)]
    for fit in fits[:-1]:
        session.keep_fit(fit)
    assert len(session.fits) == 2 * KEPT - 1  # nothing that is not saved is lost
    session.use_fit(fits[0], fits[0].encode(stack))
    for fit in fits[:-1]:
        session.keep_fit(fit, saved=True)
    assert session.fits == [fits[0], *fits[-KEPT:-1]]
    gone = weakref.ref(fits[1])
    del fits, fit
    gc.collect()
    assert gone() is None


def test_a_fit_that_is_not_in_use_keeps_only_its_weights(session, stack, fit):
    from napari_varae.core.training.train import fit as train

    other = train(stack, FitConfig(latents=2, epochs=0))
    session.use_fit(fit, fit.encode(stack))
    footprints = fit.footprints
    assert "footprints" in fit.__dict__
    session.use_fit(other, other.encode(stack))
    assert "footprints" not in fit.__dict__
    np.testing.assert_array_equal(fit.footprints, footprints)
