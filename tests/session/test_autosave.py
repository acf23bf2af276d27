"""Unsaved work is kept: each piece once, at any moment whole, of this movie alone, and never without bounds."""

import os
import time

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.session import autosave
from napari_varae.session.autosave import Autosave, discard, find_left, fits_of
from napari_varae.session.session import Session
from napari_varae.session.snapshot import Snapshot


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(autosave, "_root", lambda: tmp_path / "unsaved")
    return tmp_path / "unsaved"


@pytest.fixture(scope="module")
def stack():
    return nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=2)).stack


@pytest.fixture(scope="module")
def fits(stack):
    return [nv.fit(stack, nv.FitConfig(latents=k, epochs=0, threads=1)) for k in (4, 5)]


@pytest.fixture(scope="module")
def result(stack, fits):
    config = nv.ComparisonConfig(resamples=19, power_draws=0, blocks=4, halves=False)
    return nv.compare(fits[0], stack, (0, 90), (100, 200), config)


@pytest.fixture
def session(stack, fits):
    session = Session()
    session.use_movie(stack)
    for fit in reversed(fits):
        session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 90))
    return session


def test_work_is_kept_and_left(session, fits, result):
    kept = Autosave()
    session.set_comparison(result)
    kept.write(Snapshot.of(session))
    assert find_left() == []  # it is of a process that runs
    kept.leave()
    (left,) = find_left()
    assert left.text == "2 fits, 1 frame set, 1 comparison"
    analysis = nv.open_analysis(left.folder)
    assert analysis.fit.id == fits[0].id
    assert analysis.frame_sets == {"A": ((0, 90),)}
    assert analysis.comparison("comparison").as_dict() == result.as_dict()
    others, unsaved = fits_of(left.folder)
    assert [nv.load_fit(path).id for path in others] == [fits[1].id]
    assert unsaved


def test_each_piece_is_written_once_and_what_is_gone_goes(session, stack, fits, result):
    kept = Autosave()
    session.set_comparison(result)
    kept.write(Snapshot.of(session))
    first = {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*") if path.suffix in (".varae", ".json")}
    session.set_range("a", (0, 50))
    kept.write(Snapshot.of(session))
    assert {path: path.stat().st_mtime_ns for path in first if path.name != "kept.json"} == {
        path: when for path, when in first.items() if path.name != "kept.json"
    }
    session.use_fit(fits[1], fits[1].encode(stack))
    session.forget_comparisons()
    session.set_range("a", None)
    kept.write(Snapshot.of(session))
    analysis = nv.open_analysis(kept.folder)
    assert analysis.fit.id == fits[1].id
    assert not analysis.frame_sets
    assert not analysis.comparisons
    assert [path.stem for path in (kept.folder / "fits").iterdir()] == [fits[0].id]


def test_cells_that_were_drawn_are_kept_and_written_once(session, stack, tmp_path):
    kept = Autosave()
    session.use_cells(nv.open_cells(np.eye(32, dtype=int)))
    (tmp_path / "speed.csv").write_text("speed\n" + "\n".join(map(str, range(200))))
    session.use_behaviour(nv.open_behaviour(tmp_path / "speed.csv"))
    session.set_covariates(["speed"], 1)
    kept.write(Snapshot.of(session))
    written = (kept.folder / "cells.npz").stat().st_mtime_ns
    session.set_range("b", (100, 190))
    kept.write(Snapshot.of(session))
    assert (kept.folder / "cells.npz").stat().st_mtime_ns == written
    kept.leave()
    (left,) = find_left()
    assert left.text.endswith("1 drawn cell")
    analysis = nv.open_analysis(left.folder)
    assert analysis.cells.fingerprint() == session.cells.fingerprint()
    assert (analysis.behaviour.names, analysis.covariates, analysis.covariate_lags) == (("speed",), ("speed",), 1)
    session.use_cells(None)
    kept = Autosave()
    kept.adopt(left.folder, session.generation.movie)
    kept.write(Snapshot.of(session))
    assert nv.open_analysis(left.folder).cells is None
    assert not (left.folder / "cells.npz").exists()


def test_another_movie_leaves_the_work_on_the_first(session, stack, fits):
    kept = Autosave()
    kept.write(Snapshot.of(session))
    session.use_movie(stack.replace(frame_rate=20.0))
    kept.write(Snapshot.of(session))  # its fits lie with the first movie
    assert len(find_left()) == 1
    assert kept.folder is None
    session.set_range("b", (3, 9))
    kept.write(Snapshot.of(session))
    kept.leave()
    assert [left.text for left in find_left()] == ["1 frame set", "2 fits, 1 frame set"]


def test_saved_work_is_not_kept(session, tmp_path):
    kept = Autosave()
    kept.write(Snapshot.of(session))
    kept.discard()
    assert find_left() == []
    assert not list((tmp_path / "unsaved").iterdir())


def test_work_that_was_left_is_gone_on_with(session, stack):
    first = Autosave()
    first.write(Snapshot.of(session))
    first.leave()
    (left,) = find_left()
    again = Autosave()
    again.adopt(left.folder, session.generation.movie)
    assert find_left() == []
    session.describe_movie(12.0, None, [5])
    again.write(Snapshot.of(session))
    assert again.folder == left.folder
    found = nv.open_analysis(left.folder)
    assert (found.frame_rate, found.record.movie.bad_frames) == (12.0, (5,))


def test_it_has_bounds(stack, monkeypatch):
    monkeypatch.setattr(autosave, "MOST", 2)
    session = Session()
    session.use_movie(stack)
    for stop in range(10, 15):
        session.set_range("a", (0, stop))
        kept = Autosave()
        kept.write(Snapshot.of(session))
        kept.leave()
    assert len(find_left()) == 3  # room was made before the last one was left
    monkeypatch.setattr(autosave, "MOST_BYTES", 1)
    autosave._make_room()
    assert len(find_left()) == 1


def test_of_a_damaged_folder_nothing_is_offered(session, root):
    kept = Autosave()
    kept.write(Snapshot.of(session))
    kept.leave()
    (left,) = find_left()
    (left.folder / "kept.json").write_text("{", encoding="utf-8")
    assert find_left() == []
    with pytest.raises(nv.DataError, match="damaged"):
        fits_of(left.folder)
    old = time.time() - 7200
    os.utime(left.folder, (old, old))
    autosave._make_room()
    assert not left.folder.exists()
    discard(left.folder)  # gone already


def test_a_full_disk_is_reported(session, root):
    root.parent.mkdir(exist_ok=True)
    root.write_text("in the way", encoding="utf-8")
    with pytest.raises(nv.DataError, match="could not be kept"):
        Autosave().write(Snapshot.of(session))


def test_an_array_can_be_kept(rng):
    session = Session()
    session.use_movie(nv.Stack(rng.normal(size=(60, 16, 16)).astype(np.float32), name="mine"))
    session.set_range("a", (0, 20))
    kept = Autosave()
    kept.write(Snapshot.of(session))
    assert nv.open_analysis(kept.folder).frame_sets == {"A": ((0, 20),)}
