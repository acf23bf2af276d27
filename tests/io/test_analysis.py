"""The analysis folder: the same numbers come back, and a program killed at any write leaves a folder that opens."""

import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import napari_varae as nv
from napari_varae.io.analysis_brought import Brought
from napari_varae.io.analysis_record import RECORD
from napari_varae.io.map_tiff import read_map, write_map

SETTINGS = nv.AnalysisSettings(
    fit=nv.FitConfig(latents=5, epochs=0, threads=1),
    comparison=nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "movie.tif"
    made = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=2)).stack
    tifffile.imwrite(path, made.read(), metadata={"axes": "TYX"})
    return nv.open_stack(path, frame_rate=10.0, pixel_size=0.5).replace(bad_frames=[7, 8], breaks=[150])


@pytest.fixture(scope="module")
def fit(stack):
    return nv.fit(stack, SETTINGS.fit)


@pytest.fixture(scope="module")
def result(fit, stack):
    return nv.compare(fit, stack, (0, 130), (160, 300), SETTINGS.comparison)


def write_everything(folder, stack, fit, result):
    analysis = nv.Analysis.begin(folder, stack, SETTINGS)
    analysis.keep_fit(fit)
    analysis.keep_latents(fit.encode(stack))
    analysis.keep_trials(nv.Trials([0.0, 17.0], [14.0, 29.0], ["go", "nogo"], "s", frame_rate=10.0))
    analysis.keep_frame_sets({"early": [(0, 50), (60, 90)]})
    analysis.keep_comparison(result)
    analysis.keep_map(np.eye(32), "my map", {"kind": "driver"})
    analysis.keep_cells(nv.Cells.from_labels(np.eye(32, dtype=int)))
    analysis.keep_behaviour(nv.open_behaviour({"speed": np.arange(300.0)}), ["speed"])


@pytest.fixture
def folder(tmp_path, stack, fit, result):
    write_everything(tmp_path / "a", stack, fit, result)
    return tmp_path / "a"


def test_everything_comes_back(folder, stack, fit, result):
    analysis = nv.open_analysis(folder)
    assert analysis.settings == SETTINGS
    assert (analysis.frame_rate, analysis.pixel_size, analysis.n_frames) == (10.0, 0.5, 300)
    assert analysis.stack.fingerprint() == stack.fingerprint()
    assert (analysis.stack.bad_frames, analysis.stack.breaks) == (stack.bad_frames, stack.breaks)
    assert analysis.caution is None
    assert analysis.fit.id == fit.id
    np.testing.assert_array_equal(analysis.latents, fit.encode(stack))
    assert analysis.trials.frames("nogo") == [(170, 290)]
    assert analysis.frame_sets["early"] == ((0, 50), (60, 90))
    assert analysis.frame_sets["comparison A"] == ((0, 130),)
    assert analysis.comparisons["comparison"]["null"] == result.null.tolist()
    np.testing.assert_array_equal(analysis.maps["my map"], np.eye(32))
    assert "trained fit=" in (folder / "log.txt").read_text(encoding="utf-8")


def test_a_comparison_never_replaces_another(folder, result):
    analysis = nv.open_analysis(folder)
    assert analysis.keep_comparison(result).name == "comparison-2.json"
    assert len(analysis.comparisons) == 2


def test_latents_of_another_fit_are_not_used(folder, stack):
    analysis = nv.open_analysis(folder)
    analysis.keep_fit(nv.fit(stack, nv.FitConfig(latents=5, epochs=0, threads=1, seed=1, smoothing=1.0)))
    assert analysis.latents is None


def test_it_moves_together_with_its_movie(folder, stack, tmp_path):
    (tmp_path / "movie.tif").write_bytes(Path(stack.source.paths[0]).read_bytes())
    nv.Analysis.begin(tmp_path / "b", nv.open_stack(tmp_path / "movie.tif"), SETTINGS)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(tmp_path / "b", moved / "b")
    shutil.move(tmp_path / "movie.tif", moved / "movie.tif")
    assert nv.open_analysis(moved / "b").stack.fingerprint() == stack.fingerprint()


def test_a_moved_movie_is_asked_for_and_a_changed_one_reported(folder, stack, tmp_path):
    record = (folder / RECORD).read_text(encoding="utf-8")
    (folder / RECORD).write_text(record.replace("movie.tif", "gone.tif"), encoding="utf-8")
    with pytest.raises(nv.StackError, match="new place"):
        _ = nv.open_analysis(folder).stack
    assert nv.open_analysis(folder, movie=stack.source.paths[0]).caution is None
    tifffile.imwrite(tmp_path / "other.tif", stack.read()[::-1].copy(), metadata={"axes": "TYX"})
    assert "has changed" in nv.open_analysis(folder, movie=tmp_path / "other.tif").caution
    tifffile.imwrite(tmp_path / "short.tif", stack.read(0, 99), metadata={"axes": "TYX"})
    with pytest.raises(nv.StackError, match="shape"):
        _ = nv.open_analysis(folder, movie=tmp_path / "short.tif").stack


def test_an_array_has_no_file_to_open(tmp_path, stack):
    nv.Analysis.begin(tmp_path / "a", nv.Stack(stack.read(), name="mine"))
    with pytest.raises(nv.StackError, match="was an array"):
        _ = nv.open_analysis(tmp_path / "a").stack


def test_an_analysis_is_not_replaced_by_accident(folder, stack):
    with pytest.raises(nv.DataError, match="already"):
        nv.Analysis.begin(folder, stack)
    assert not nv.Analysis.begin(folder, stack, overwrite=True).has_fit


def test_a_folder_without_a_record_is_none(tmp_path):
    with pytest.raises(nv.DataError, match="not an analysis folder"):
        nv.open_analysis(tmp_path)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a:b", ".hidden"])
def test_a_name_must_be_that_of_a_file(folder, name):
    with pytest.raises(ValueError, match="name of a file"):
        nv.open_analysis(folder).keep_map(np.eye(32), name)


def test_a_newer_record_is_refused_with_its_version(folder):
    record = (folder / RECORD).read_text(encoding="utf-8")
    (folder / RECORD).write_text(record.replace("format_version = 1", "format_version = 2"), encoding="utf-8")
    with pytest.raises(nv.DataError, match="format version 2"):
        nv.open_analysis(folder)


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_a_damaged_record_is_refused(tmp_path_factory, damage, place):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    if not folder.exists():
        nv.Analysis.begin(folder, nv.Stack(np.random.default_rng(0).normal(size=(20, 8, 8))))
        (folder / "whole").write_bytes((folder / RECORD).read_bytes())
    whole = (folder / "whole").read_bytes()
    (folder / RECORD).write_bytes(whole[:place] + damage + whole[place:])
    try:
        analysis = nv.open_analysis(folder)
    except nv.DataError:
        return
    assert analysis.n_frames > 0


def test_a_program_killed_at_any_write_leaves_a_folder_that_opens(tmp_path, stack, fit, result, monkeypatch):
    """Every write ends in a rename; the program dies before the n-th one, for every n."""
    replace, count = os.replace, [0]

    class DeadError(BaseException):
        pass

    def rename(self, target):
        count[0] -= 1
        if count[0] == 0:
            raise DeadError
        replace(self, target)
        return Path(target)

    monkeypatch.setattr(Path, "replace", rename)
    for n in range(1, 30):
        count[0], folder = n, tmp_path / str(n)
        try:
            write_everything(folder, stack, fit, result)
        except DeadError:
            pass
        else:
            break
        if not (folder / RECORD).exists():
            continue
        found = nv.open_analysis(folder)
        if found.has_fit:
            assert found.fit.id == fit.id
            assert found.latents is None or len(found.latents) == 300
        assert all(len(each["null"]) == 39 for each in found.comparisons.values())
        assert all(image.shape == (32, 32) for image in found.maps.values())
        assert found.settings == SETTINGS
        assert found.brought().cautions == ()
        tomllib.loads((folder / RECORD).read_text(encoding="utf-8"))
    assert n > 8  # it died at every one of the writes


def test_a_map_keeps_its_pixel_size_and_definition(tmp_path):
    path = write_map(tmp_path / "map", np.arange(12.0).reshape(3, 4), 0.25, {"kind": "driver", "edge": None})
    image, about = read_map(path)
    assert image.tolist() == np.arange(12.0).reshape(3, 4).tolist()
    assert about == {"kind": "driver", "edge": None}
    with tifffile.TiffFile(path) as file:
        assert file.imagej_metadata["unit"] == "um"
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(4.0)
    with pytest.raises(nv.DataError, match="not a map"):
        read_map(__file__)


def label_image():
    image = np.zeros((32, 32), dtype=np.uint16)
    image[2:6, 2:6], image[10:14, 20:25] = 4, 9
    return image


@pytest.fixture
def brought(tmp_path, stack):
    """Cells and behaviour from files beside the folder of the analysis."""
    tifffile.imwrite(tmp_path / "cells.tif", label_image())
    rows = "".join(f"{t / 10!r},{t % 7},{t % 3}\n" for t in range(stack.n_frames))
    (tmp_path / "running.csv").write_text(f"t_s,speed,licks\n{rows}", encoding="utf-8")
    return nv.open_cells(tmp_path / "cells.tif"), nv.open_behaviour(tmp_path / "running.csv", 10.0, time="t_s")


def test_cells_and_behaviour_come_back_from_their_files(folder, stack, brought):
    cells, behaviour = brought
    analysis = nv.open_analysis(folder)
    analysis.keep_cells(cells)
    analysis.keep_behaviour(behaviour, ["licks"], 2)
    again = nv.open_analysis(folder)
    assert again.cells.ids == (4, 9)
    assert again.cells.fingerprint() == cells.fingerprint()
    assert again.cells.source == cells.source
    assert again.behaviour.fingerprint() == behaviour.fingerprint()
    assert again.behaviour.source.given == {"frame_rate": 10.0, "time": "t_s"}
    assert (again.covariates, again.covariate_lags) == (("licks",), 2)
    np.testing.assert_array_equal(again.regressors(), behaviour.choose(["licks"]).at_frames(300, 10.0))
    assert again.brought().cautions == ()
    assert not (folder / "cells.npz").exists()
    again.keep_cells(None)
    again.keep_behaviour(None)
    assert nv.open_analysis(folder).brought() == Brought()
    assert again.regressors() is None


def test_cells_that_were_drawn_and_arrays_lie_in_the_folder(folder):
    masks = np.zeros((2, 32, 32), np.float32)
    masks[0, 2:6, 2:6], masks[1, 4:9, 4:9] = 0.5, 2.5
    cells = nv.Cells(("soma", 7), sparse.csr_array(masks.reshape(2, -1)), (32, 32), ["from a script"])
    values = np.array([[1 / 3, np.nan], [2.0, 5.0], [1e-300, 0.1]])
    behaviour = nv.Behaviour(["speed (cm/s)", "time"], [0.0, 0.1, 30.0], values, "s", 10.0)
    analysis = nv.open_analysis(folder)
    analysis.keep_cells(cells)
    analysis.keep_behaviour(behaviour)
    again = nv.open_analysis(folder)
    assert (again.cells.ids, again.cells.notes) == (("soma", 7), cells.notes)
    np.testing.assert_array_equal(again.cells.masks, masks)
    assert again.behaviour.names == behaviour.names
    np.testing.assert_array_equal(again.behaviour.values, values)
    assert again.behaviour.notes == behaviour.notes
    np.testing.assert_array_equal(sparse.load_npz(folder / "cells.npz").toarray(), cells.footprints.toarray())
    (folder / "cells.npz").write_bytes(b"PK damaged")
    with pytest.raises(nv.DataError, match="is damaged"):
        _ = nv.open_analysis(folder).cells
    found = nv.open_analysis(folder).brought()
    assert (found.cells, found.behaviour.names) == (None, behaviour.names)
    with pytest.raises(nv.DataError, match="images of 16 x 16"):
        analysis.keep_cells(nv.Cells.from_labels(label_image()[:16, :16]))
    assert again.record.cells is not None


def test_cells_and_behaviour_that_moved_or_changed_are_reported_and_the_rest_opens(folder, brought, tmp_path):
    analysis = nv.open_analysis(folder)
    analysis.keep_cells(brought[0])
    analysis.keep_behaviour(brought[1], ["speed"])
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("a", "cells.tif", "running.csv"):
        shutil.move(tmp_path / name, moved / name)
    assert nv.open_analysis(moved / "a").brought().cautions == ()  # all of it moved together
    (moved / "cells.tif").unlink()
    tifffile.imwrite(moved / "cells.tif", label_image() * 2)
    (moved / "running.csv").write_text("t_s,pupil\n0,1\n1,2\n", encoding="utf-8")
    changed = nv.open_analysis(moved / "a")
    found = changed.brought()
    assert found.cells.ids == (8, 18)
    assert [text.split()[1] for text in found.cautions[:2]] == ["cells", "traces"]
    assert all("have changed since" in text for text in found.cautions[:2])
    assert found.covariates == ()
    assert "because the trace is missing: speed" in found.cautions[2]
    with pytest.raises(nv.DataError, match="no trace 'speed'"):
        changed.regressors()
    (moved / "cells.tif").unlink()
    gone = nv.open_analysis(moved / "a")
    with pytest.raises(nv.DataError, match=r"cells in .*cells.tif of this analysis were moved or deleted"):
        _ = gone.cells
    assert gone.fit.latents == 5
    assert gone.brought().behaviour is not None


def test_shifts_and_tables_of_frames_come_back(tmp_path, stack):
    rows = "".join(f"{t},{int(t == 30)},{0.1 * (t % 7):.17g},{t / 3:.17g}\n" for t in range(300))
    (tmp_path / "frames.csv").write_text(f"frame,bad,dy,dx\n{rows}", encoding="utf-8")
    marked = nv.open_frame_table(tmp_path / "frames.csv", 300).added_to(stack)
    assert marked.bad_frames == {7, 8, 30}
    nv.Analysis.begin(tmp_path / "a", marked, SETTINGS)
    again = nv.open_analysis(tmp_path / "a").stack
    assert again.bad_frames == {7, 8, 30}
    np.testing.assert_array_equal(again.shifts, marked.shifts)
    assert again.source.tables == (str(tmp_path / "frames.csv"),)
    assert again.source.bad_frames == {30}
    analysis = nv.open_analysis(tmp_path / "a")
    analysis.keep_movie(stack)
    assert nv.open_analysis(tmp_path / "a").stack.shifts is None
