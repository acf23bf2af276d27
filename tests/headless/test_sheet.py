"""The sheet of a batch is checked before anything is computed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.errors import DataError
from napari_varae.headless.sheet import read_sheet

SETTINGS = AnalysisSettings()


def test_a_row_is_read_with_all_its_columns(sheet, tmp_path):
    path = sheet(
        "path,name,frame_rate,pixel_size,channel,trials,a,b,unit,latents,comparison.seed,mouse",
        "one.tif; two.tif,day1,30,0.5,1,trials.csv,go,nogo,s,32,7,M1",
        "three.tif,,,,green,,0:100,120:200,,,,M2",
    )
    first, second = read_sheet(path, SETTINGS)
    assert first.paths == tuple(str(tmp_path / name) for name in ("one.tif", "two.tif"))
    assert (first.name, first.frame_rate, first.pixel_size, first.channel) == ("day1", 30.0, 0.5, 1)
    assert (first.trials, first.a, first.b, first.unit) == (str(tmp_path / "trials.csv"), "go", "nogo", "s")
    assert first.settings(SETTINGS).fit.latents == 32
    assert first.settings(SETTINGS).comparison.seed == 7
    assert first.labels == {"mouse": "M1"}
    assert (second.name, second.frame_rate, second.channel, second.unit) == ("three", None, "green", None)
    assert second.settings(SETTINGS) == SETTINGS


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["file", "a.tif"], "no column 'path'"),
        (["path"], "no rows"),
        (["path,frame_rat", "a.tif,3"], "'frame_rate'"),
        (["path,latnets", "a.tif,3"], "'latents'"),
        (["path,path", "a.tif,b.tif"], "twice"),
        (["path,frame_rate", "a.tif,fast"], "Row 1: frame_rate 'fast'"),
        (["path,latents", "a.tif,8", "b.tif,0"], "Row 2: latents=0"),
        (["path", "x/a.tif", "y/a.tif"], "comes twice"),
        (["path,a", "a.tif,0:10"], "only one of the frame sets"),
        (["path,unit", "a.tif,ms"], "'ms'"),
        (["path,name", "a.tif,../up"], "name of a folder"),
        (["path,seed", "a.tif,3"], "fit.seed or comparison.seed"),
    ],
)
def test_a_mistake_is_reported_with_its_row(sheet, lines, found):
    with pytest.raises(DataError, match=found):
        read_sheet(sheet(*lines), SETTINGS)


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = Path(tmp_path_factory.mktemp("sheet")) / "sheet.csv"
    path.write_bytes(b"path\n" + content)
    try:
        rows = read_sheet(path, SETTINGS)
    except DataError:
        return
    assert all(row.paths and row.name for row in rows)


def state(sheet, columns, line):
    return read_sheet(sheet(columns, line), SETTINGS)[0].state(SETTINGS)


def test_the_state_changes_with_what_the_result_depends_on(sheet, tmp_path):
    lines = ("a.tif,10,8,99", "a.tif,20,8,99", "a.tif,10,9,99", "a.tif,10,8,98")
    states = [state(sheet, "path,frame_rate,latents,resamples", line) for line in lines]
    assert len({found.rest for found in states}) == 4
    assert len({found.trained for found in states}) == 3  # resamples are none of the training's
    labelled = state(sheet, "path,frame_rate,latents,resamples,mouse", "a.tif,10,8,99,M1")
    assert labelled == states[0]
    assert labelled.files is None
    (tmp_path / "a.tif").write_bytes(b"first")
    first = state(sheet, "path", str(tmp_path / "a.tif"))
    (tmp_path / "a.tif").write_bytes(b"another")
    second = state(sheet, "path", str(tmp_path / "a.tif"))
    assert first[:2] == second[:2]
    assert first.files != second.files


def test_the_state_changes_with_the_content_of_the_trials(sheet, tmp_path):
    trials = tmp_path / "trials.csv"
    trials.write_text("start,stop,condition\n0,1,a\n")
    first = state(sheet, "path,trials", f"a.tif,{trials}")
    trials.write_text("start,stop,condition\n0,2,a\n")
    second = state(sheet, "path,trials", f"a.tif,{trials}")
    assert first.rest != second.rest
    assert first.trained == second.trained
    trials.unlink()
    with pytest.raises(DataError, match=r"trials.*could not be read"):
        state(sheet, "path,trials", f"a.tif,{trials}")
